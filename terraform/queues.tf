# Each queue is bounded by the number of slots; the slots in Firestore bound their sum (docs/decisions/0001).
# A queue never gives up: what is counted is the submission's own judgings.

locals {
  queues = {
    submit = "all tests of a question; goes before run"
    run    = "the sample tests"
  }
}

resource "google_cloud_tasks_queue" "queue" {
  for_each = local.queues

  name     = each.key
  location = var.region

  rate_limits {
    max_concurrent_dispatches = var.max_concurrent_submissions
    max_dispatches_per_second = 500
  }

  retry_config {
    max_attempts  = -1
    min_backoff   = "0.1s"
    max_backoff   = "10s"
    max_doublings = 16
  }
}
