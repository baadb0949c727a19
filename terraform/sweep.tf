locals {
  sweep_interval = 60 # seconds; Cloud Scheduler knows minutes, so nothing else would do
}

resource "google_service_account" "scheduler" {
  account_id   = "run-code-scheduler"
  display_name = "run-code: Cloud Scheduler, which calls the sweep"

  depends_on = [google_project_service.api]
}

resource "google_cloud_scheduler_job" "sweep" {
  name             = "sweep"
  region           = var.region
  description      = "Puts back in line what was forgotten, abandoned or never got its ticket"
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "${local.sweep_interval}s"

  retry_config {
    retry_count = 0 # the next one comes in a minute
  }

  http_target {
    http_method = "POST"
    uri         = local.urls["sweep"]

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = local.urls["sweep"]
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invoker]
}
