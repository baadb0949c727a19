# Who may do what: each account exactly what it needs. The accounts get names that can be told apart, and all else is
# made up.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}
mock_provider "archive" {}
mock_provider "random" {}

override_resource {
  target          = google_service_account.tasks
  override_during = plan
  values          = { member = "serviceAccount:tasks", email = "tasks@example", name = "accounts/tasks" }
}
override_resource {
  target          = google_service_account.scheduler
  override_during = plan
  values          = { member = "serviceAccount:scheduler", email = "scheduler@example" }
}
override_resource {
  target          = google_service_account.key["objects"]
  override_during = plan
  values          = { member = "serviceAccount:objects", email = "objects@example" }
}
override_resource {
  target          = google_service_account.key["operators"]
  override_during = plan
  values          = { member = "serviceAccount:operators", email = "operators@example" }
}
override_resource {
  target          = google_storage_hmac_key.key["objects"]
  override_during = plan
  values          = { access_id = "functions-key", secret = "functions-secret" }
}
override_resource {
  target          = google_storage_hmac_key.key["operators"]
  override_during = plan
  values          = { access_id = "operators-key", secret = "operators-secret" }
}
override_resource {
  target          = random_password.receipt_key
  override_during = plan
  values          = { result = "receipts" }
}
override_resource {
  target          = google_service_account.build
  override_during = plan
  values          = { member = "serviceAccount:build", email = "build@example", id = "accounts/build" }
}
override_resource {
  target          = google_service_account.function["run-code"]
  override_during = plan
  values          = { member = "serviceAccount:run-code", email = "run-code@example" }
}
override_resource {
  target          = google_service_account.function["judge-submission"]
  override_during = plan
  values          = { member = "serviceAccount:judge-submission", email = "judge-submission@example" }
}
override_resource {
  target          = google_service_account.function["sweep"]
  override_during = plan
  values          = { member = "serviceAccount:sweep", email = "sweep@example" }
}
override_resource {
  target          = google_service_account.judge["judge0"]
  override_during = plan
  values          = { member = "serviceAccount:judge", email = "judge@example" }
}

variables {
  project         = "example"
  alert_email     = "staff@example.org"
  auth            = {}
  auth_jwt_secret = "a secret of more than 32 characters, somebody's"
  vm_size         = "small"
  repository      = "./tests/repository"
}

run "grants" {
  command = plan

  assert {
    condition     = { for name, grant in google_cloud_run_v2_service_iam_member.invoker : name => grant.member } == { run-code = "allUsers", judge-submission = "serviceAccount:tasks", sweep = "serviceAccount:scheduler" }
    error_message = "everybody calls run-code, Cloud Tasks alone judge-submission, Cloud Scheduler alone the sweep: the code believes a token whose signature Cloud Run took off for this alone"
  }
  assert {
    condition     = { for name, function in google_cloudfunctions2_function.function : name => function.service_config[0].ingress_settings } == { run-code = "ALLOW_ALL", judge-submission = "ALLOW_INTERNAL_ONLY", sweep = "ALLOW_INTERNAL_ONLY" }
    error_message = "what is not for everybody cannot be reached from outside: the code believes a token whose signature Cloud Run took off for this, too"
  }
  assert {
    condition     = alltrue([for name, function in google_cloudfunctions2_function.function : function.service_config[0].service_account_email == "${name}@example" && function.build_config[0].service_account == "accounts/build"])
    error_message = "each function runs as its own account, and is built by another"
  }
  assert {
    condition     = google_cloud_scheduler_job.sweep.http_target[0].oidc_token[0].service_account_email == "scheduler@example" && google_cloud_scheduler_job.sweep.http_target[0].oidc_token[0].audience == "https://sweep-123456789012.europe-west1.run.app" && google_cloud_scheduler_job.sweep.http_target[0].uri == google_cloud_scheduler_job.sweep.http_target[0].oidc_token[0].audience
    error_message = "the sweep is called with a token for its own address"
  }
  assert {
    condition     = alltrue([for name, function in google_cloudfunctions2_function.function : function.service_config[0].environment_variables["TASKS_SERVICE_ACCOUNT"] == "tasks@example" && function.service_config[0].environment_variables["SCHEDULER_SERVICE_ACCOUNT"] == "scheduler@example"])
    error_message = "the code asks for the same accounts as the platform"
  }
  assert {
    condition     = toset([for grant in google_project_iam_member.firestore : grant.member]) == toset(["serviceAccount:run-code", "serviceAccount:judge-submission", "serviceAccount:sweep"])
    error_message = "the functions alone read and write the store"
  }
  assert {
    condition     = google_storage_bucket_iam_member.build.member == "serviceAccount:build" && google_project_iam_member.build_uploads.member == "serviceAccount:build"
    error_message = "builds read the source, and the copy that Cloud Functions makes of it"
  }
  assert {
    condition     = google_project_iam_member.build_uploads.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-123456789012-\")"
    error_message = "builds read no other bucket of the project"
  }
  assert {
    condition     = { for key, grant in google_storage_bucket_iam_member.key : key => [grant.member, grant.bucket] } == { "objects.objects" = ["serviceAccount:objects", "example-run-code-objects"], "operators.objects" = ["serviceAccount:operators", "example-run-code-objects"], "operators.archives" = ["serviceAccount:operators", "example-run-code-archives"] }
    error_message = "the functions' key opens the objects alone, the operators' the archives, too"
  }
  assert {
    condition     = google_cloudfunctions2_function.function["run-code"].service_config[0].environment_variables["OBJECT_STORE_ACCESS_KEY_ID"] == "functions-key" && google_secret_manager_secret_version.secret["OBJECT_STORE_SECRET_ACCESS_KEY"].secret_data == "functions-secret"
    error_message = "functions have their own key"
  }
  assert {
    condition     = length(setsubtract(["export OBJECT_STORE_ACCESS_KEY_ID='operators-key'", "export OBJECT_STORE_SECRET_ACCESS_KEY='operators-secret'", "export RECEIPT_KEY='receipts'", "export AUTH_JWT_SECRET='a secret of more than 32 characters, somebody'\\''s'"], split("\n", output.admin_environment))) == 0
    error_message = "the command line has the operators' key, and what it needs for receipts and preflight, as a shell takes it"
  }
  assert {
    condition     = alltrue([for grant in google_service_account_iam_member.acts_as_tasks : grant.service_account_id == "accounts/tasks"])
    error_message = "functions may act as Cloud Tasks' account and no other"
  }
  assert {
    condition     = { for key, grant in google_secret_manager_secret_iam_member.reader : key => grant.member } == { for key in ["AUTH_JWT_SECRET.run-code", "JUDGE0_AUTH_TOKEN.judge-submission", "JUDGE0_AUTH_TOKEN.run-code", "JUDGE0_AUTH_TOKEN.sweep", "OBJECT_STORE_SECRET_ACCESS_KEY.judge-submission", "OBJECT_STORE_SECRET_ACCESS_KEY.run-code", "RECEIPT_KEY.run-code"] : key => "serviceAccount:${split(".", key)[1]}" }
    error_message = "each function reads its own secrets"
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.judge["judge0"].member == "serviceAccount:judge" && google_project_iam_member.judge["judge0"].role == "roles/logging.logWriter"
    error_message = "the machine that runs students' programs reads its token, writes logs, and may do nothing else"
  }
  assert {
    condition     = length(google_compute_instance_template.judge["judge0"].network_interface[0].access_config) == 0
    error_message = "the judge has no address outside"
  }
  assert {
    condition     = alltrue([for name, rule in google_compute_firewall.to_judge : rule.target_service_accounts == toset(["judge@example"]) && !contains(rule.source_ranges, "0.0.0.0/0")])
    error_message = "nobody else reaches the judge"
  }
}
