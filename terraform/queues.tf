# Each queue is bounded by the number of slots; the slots in Firestore bound their sum (docs/decisions/0001).
# A queue never gives up: what is counted is the submission's own judgings.

locals {
  queues = {
    submit = "all tests of a question; goes before run"
    run    = "the sample tests"
  }

  # Seconds. Past the deadline Cloud Tasks would deliver a second time while the first still judges.
  dispatch_deadline = 900
}

resource "google_cloud_tasks_queue" "queue" {
  for_each = local.queues

  name     = each.key
  location = var.region

  rate_limits {
    max_concurrent_dispatches = local.max_concurrent_submissions
    max_dispatches_per_second = 500
  }

  retry_config {
    max_attempts  = -1
    min_backoff   = "0.1s"
    max_backoff   = "10s"
    max_doublings = 16
  }

  depends_on = [google_project_service.api]
}

# Any of the three may find work without a ticket; all look whether a queue is paused.
resource "google_cloud_tasks_queue_iam_member" "enqueuer" {
  for_each = local.queue_users

  name     = google_cloud_tasks_queue.queue[each.value.queue].name
  location = var.region
  role     = "roles/cloudtasks.enqueuer"
  member   = google_service_account.function[each.value.function].member
}

resource "google_cloud_tasks_queue_iam_member" "viewer" {
  for_each = local.queue_users

  name     = google_cloud_tasks_queue.queue[each.value.queue].name
  location = var.region
  role     = "roles/cloudtasks.viewer"
  member   = google_service_account.function[each.value.function].member
}

locals {
  queue_users = {
    for pair in setproduct(keys(local.queues), keys(local.functions)) :
    join(".", pair) => { queue = pair[0], function = pair[1] }
  }
}

# Whose token a ticket carries. Who makes a ticket must be allowed to act as this account.
resource "google_service_account" "tasks" {
  account_id   = "run-code-tasks"
  display_name = "run-code: Cloud Tasks, which calls judge-submission"

  depends_on = [google_project_service.api]
}

resource "google_service_account_iam_member" "acts_as_tasks" {
  for_each = local.functions

  service_account_id = google_service_account.tasks.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.function[each.key].member
}
