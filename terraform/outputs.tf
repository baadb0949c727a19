output "url" {
  description = "The public function: what the page is built with."
  value       = local.urls["run-code"]
}

output "try" {
  description = "Paste it: how the service is."
  value       = "curl --fail-with-body ${local.urls["run-code"]}/health"
}

output "max_concurrent_submissions" {
  description = "How many are judged at once."
  value       = local.max_concurrent_submissions
}

output "admin_environment" {
  description = "What `python -m infra.admin --deployed` needs in the shell: terraform output -raw admin_environment"
  sensitive   = true
  value = join("\n", [for name, value in merge(local.environment, local.object_store, {
    OBJECT_STORE_ACCESS_KEY_ID     = google_storage_hmac_key.key["operators"].access_id
    OBJECT_STORE_SECRET_ACCESS_KEY = google_storage_hmac_key.key["operators"].secret
    RECEIPT_KEY                    = random_password.receipt_key.result
    AUTH_JWT_SECRET                = var.auth_jwt_secret                             # preflight signs its students' tokens with it
    JUDGE0_URL                     = length(local.judges) == 0 ? var.judge0_url : "" # ours has no address out here
  }) : "export ${name}='${replace(value, "'", "'\\''")}'" if value != null])
}

output "archives" {
  description = "Where exported exams go: python -m infra.admin --deployed export --exam ID --to THIS/ID"
  value       = "s3://${google_storage_bucket.bucket["archives"].name}"
}

output "settings_left_at_default" {
  description = "What var.settings may set."
  value       = local.settings_left_at_default
}
