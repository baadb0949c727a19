# Secrets that are made here or handed over. Each function reads its own and no other. All of them are in the state, too:
# README.md says who may read that.

resource "random_password" "receipt_key" {
  length  = 48
  special = false

  lifecycle {
    prevent_destroy = true # receipts that students have would count no longer
  }
}

resource "random_password" "judge0_auth_token" {
  for_each = local.judges

  length  = 48
  special = false
}

locals {
  everywhere = ["run-code", "judge-submission", "sweep"]

  # variable -> its value and who reads it; a value of null: there is none
  secrets = {
    RECEIPT_KEY = {
      value     = random_password.receipt_key.result
      functions = ["run-code"]
      there     = true
    }
    OBJECT_STORE_SECRET_ACCESS_KEY = {
      value     = google_storage_hmac_key.key["objects"].secret
      functions = ["run-code", "judge-submission"]
      there     = true
    }
    AUTH_JWT_SECRET = {
      value     = var.auth_jwt_secret
      functions = ["run-code"]
      there     = nonsensitive(var.auth_jwt_secret != null)
    }
    JUDGE0_API_KEY = {
      value     = var.judge0_api_key
      functions = local.everywhere
      there     = nonsensitive(var.judge0_api_key != null)
    }
    JUDGE0_AUTH_TOKEN = {
      value     = try(random_password.judge0_auth_token["judge0"].result, var.judge0_auth_token)
      functions = local.everywhere
      there     = var.vm_size != null || nonsensitive(var.judge0_auth_token != null)
    }
  }
  there = { for name, secret in local.secrets : name => secret.functions if secret.there }
}

resource "google_secret_manager_secret" "secret" {
  for_each = local.there

  secret_id = lower(replace(each.key, "_", "-"))

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_version" "secret" {
  for_each = local.there

  secret          = google_secret_manager_secret.secret[each.key].id
  secret_data     = local.secrets[each.key].value
  deletion_policy = "DISABLE" # a key that was replaced can be had again by hand
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = merge([
    for name, functions in local.there : {
      for function in functions : "${name}.${function}" => { name = name, function = function }
    }
  ]...)

  secret_id = google_secret_manager_secret.secret[each.value.name].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.function].member
}
