# Three functions of one bundle, each with an account of its own.

locals {
  judge_concurrency = 16 # visits of one instance: they wait for the judge most of the time, and wake each other

  functions = {
    run-code = {
      entry_point = "run_code"
      description = "The public API: every path and method of the wire contract"
      invoker     = "allUsers" # students' tokens are checked in the code
      ingress     = "ALLOW_ALL"
      concurrency = 32
      instances   = 10
      warm        = var.warm_instances
      memory      = "1Gi"
      timeout     = 60
    }
    judge-submission = {
      entry_point = "judge_submission"
      description = "Judges: Cloud Tasks delivers tickets here"
      invoker     = google_service_account.tasks.member
      ingress     = "ALLOW_INTERNAL_ONLY" # Cloud Tasks of this project counts as internal at the run.app address
      concurrency = local.judge_concurrency
      # room for both queues' tickets at once, and one more for `slots --set`
      instances = ceil(2 * local.most_slots / local.judge_concurrency) + 1
      warm      = var.warm_instances
      memory    = "2Gi"
      timeout   = local.dispatch_deadline
    }
    sweep = {
      entry_point = "sweep"
      description = "Puts back in line what was forgotten: Cloud Scheduler calls it"
      invoker     = google_service_account.scheduler.member
      ingress     = "ALLOW_INTERNAL_ONLY"
      concurrency = 1
      instances   = 1
      warm        = 0
      memory      = "512Mi"
      timeout     = 60
    }
  }

  # Known before the functions are there: one of its settings is its own address.
  urls = { for name in keys(local.functions) : name => "https://${name}-${local.project_number}.${var.region}.run.app" }

  environment = merge(
    var.settings,
    {
      GOOGLE_CLOUD_PROJECT       = var.project
      TASKS_LOCATION             = var.region
      HANDLER_URL                = local.urls["judge-submission"]
      TASKS_SERVICE_ACCOUNT      = google_service_account.tasks.email
      SWEEP_URL                  = local.urls["sweep"]
      SCHEDULER_SERVICE_ACCOUNT  = google_service_account.scheduler.email
      MAX_CONCURRENT_SUBMISSIONS = local.max_concurrent_submissions
      DISPATCH_DEADLINE          = tostring(local.dispatch_deadline)
      FUNCTION_TIMEOUT           = tostring(local.dispatch_deadline)
      SWEEP_INTERVAL             = tostring(local.sweep_interval)
      ALLOWED_ORIGINS            = join(",", var.allowed_origins)
    },
    {
      for name, value in {
        JUDGE0_URL       = local.judge0_url
        JUDGE0_DISCOVERY = local.judge0_discovery
        JUDGES_SCALE     = local.several ? "1:${var.judges.most}" : null
        JUDGE0_API_HOST  = var.judge0_api_host
        AUTH_JWKS_URL    = var.auth.jwks_url
        AUTH_ISSUER      = var.auth.issuer
        AUTH_AUDIENCE    = var.auth.audience
        AUTH_ROLE_CLAIM  = var.auth.role_claim
      } : name => value if value != null
    },
  )

  # Its secret part is a secret; the sweep touches no object, and the settings want all four or none.
  object_store = {
    OBJECT_STORE_ENDPOINT      = "https://storage.googleapis.com"
    OBJECT_STORE_BUCKET        = google_storage_bucket.bucket["objects"].name
    OBJECT_STORE_ACCESS_KEY_ID = google_storage_hmac_key.key["objects"].access_id
  }

  # Deliberately at their defaults, where var.settings does not say otherwise: what has to do with how judging is
  # shared out and limited is the same here as on one machine.
  settings_left_at_default = [
    "BATCH_SIZE",
    "CLOSING_GRACE",
    "JUDGE_TIMEOUT",
    "LANGUAGE_IDS",
    "LEASE_SECONDS",
    "MAX_BODY_BYTES",
    "MAX_CODE_BYTES",
    "MAX_JUDGINGS",
    "OBJECT_STORE_REGION",
    "RATE_RUN_PER_MINUTE",
    "RATE_SUBMIT_PER_MINUTE",
    "RUN_MAX_WAIT",
    "SLOT_WAIT",
    "TASKS_JWKS_URL",
    "TIME_MULTIPLIERS",
    "TRACES",
    "TURN_SPACING",
    "VISIT_BUDGET",
  ]
}

resource "google_service_account" "function" {
  for_each = local.functions

  account_id   = each.key == "run-code" ? "run-code-api" : "run-code-${each.key}"
  display_name = "run-code: the function ${each.key}"

  depends_on = [google_project_service.api]
}

# Firestore knows no smaller grant than the project's one database.
resource "google_project_iam_member" "firestore" {
  for_each = local.functions

  project = var.project
  role    = "roles/datastore.user"
  member  = google_service_account.function[each.key].member
}

# TRACES=google sends them to the Telemetry API.
resource "google_project_iam_member" "traces" {
  for_each = local.functions

  project = var.project
  role    = "roles/telemetry.tracesWriter"
  member  = google_service_account.function[each.key].member
}

resource "google_cloudfunctions2_function" "function" {
  for_each = local.functions

  name        = each.key
  location    = var.region
  description = each.value.description

  #checkov:skip=CKV_GCP_124: run-code is for everybody, the other two are internal; a test holds the plan to that

  build_config {
    runtime           = "python312"
    entry_point       = each.value.entry_point
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.functions.id

    source {
      storage_source {
        bucket = google_storage_bucket_object.bundle.bucket
        object = google_storage_bucket_object.bundle.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function[each.key].email
    ingress_settings                 = each.value.ingress
    timeout_seconds                  = each.value.timeout
    max_instance_request_concurrency = each.value.concurrency
    min_instance_count               = each.value.warm
    max_instance_count               = each.value.instances
    available_cpu                    = "1"
    available_memory                 = each.value.memory
    all_traffic_on_latest_revision   = true

    # All of a function's requests to private addresses go through the connector; there is one only with a judge here.
    vpc_connector                 = one(values(google_vpc_access_connector.judges)[*].id)
    vpc_connector_egress_settings = length(local.judges) == 0 ? null : "PRIVATE_RANGES_ONLY"

    environment_variables = merge(
      local.environment,
      contains(local.secrets.OBJECT_STORE_SECRET_ACCESS_KEY.functions, each.key) ? local.object_store : {},
      {
        THREADS = tostring(each.value.concurrency)
        WORKERS = "1"
        # below it gunicorn repeats malformed requests word for word, tokens and source code included
        GUNICORN_LOG_LEVEL = "error"
        # else the framework puts another sys.stderr in place for each request, and threads share it
        LOG_EXECUTION_ID = "false"
      },
    )

    dynamic "secret_environment_variables" {
      for_each = { for name, functions in local.there : name => true if contains(functions, each.key) }

      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = google_secret_manager_secret.secret[secret_environment_variables.key].secret_id
        # by its number: another key is another revision, and rolling back brings back the earlier key
        version = google_secret_manager_secret_version.secret[secret_environment_variables.key].version
      }
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_firestore_index.composite,
    google_project_iam_member.build,
    google_project_iam_member.build_uploads,
    google_project_iam_member.firestore,
    google_secret_manager_secret_iam_member.reader,
    google_storage_bucket_iam_member.build,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = local.functions

  name     = google_cloudfunctions2_function.function[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value.invoker
}
