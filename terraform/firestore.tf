# The code speaks to the default database (infra/bootstrap.py).

resource "google_firestore_database" "this" {
  name                              = "(default)"
  location_id                       = var.region
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "PESSIMISTIC" # what there is in native mode; our writes are conditional batches
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = "DELETE_PROTECTION_ENABLED"
  deletion_policy                   = "ABANDON" # `terraform destroy` forgets it: marks are deleted by hand or never

  depends_on = [google_project_service.api]
}

resource "google_firestore_backup_schedule" "daily" {
  database  = google_firestore_database.this.name
  retention = "2592000s" # 30 days: longer than an appeal

  daily_recurrence {}
}

# Composite indexes: those of functions/records.py, INDEXES. A test holds the two alike.
locals {
  indexes = {
    line             = { collection = "submissions", fields = ["status", "run_type", "turn_at"] }
    service_times    = { collection = "submissions", fields = ["status", "run_type", "finished_at desc"] }
    history          = { collection = "submissions", fields = ["attempt_id", "created_at desc"] }
    staff_question   = { collection = "submissions", fields = ["question_id", "created_at desc"] }
    staff_status     = { collection = "submissions", fields = ["status", "created_at desc"] }
    line_of_rejudged = { collection = "rejudged", fields = ["status", "turn_at"] }
  }
}

resource "google_firestore_index" "composite" {
  for_each = local.indexes

  database   = google_firestore_database.this.name
  collection = each.value.collection

  dynamic "fields" {
    for_each = each.value.fields

    content {
      field_path = trimsuffix(fields.value, " desc")
      order      = endswith(fields.value, " desc") ? "DESCENDING" : "ASCENDING"
    }
  }

  # Not for the indexes' sake: while they are made, what builds may do comes to count (bundle.tf).
  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build,
    google_project_iam_member.build_uploads,
    google_storage_bucket_iam_member.build,
  ]
}

# Large, or written with every step, and asked for by no query: each would cost index entries and writes for nothing.
locals {
  of_a_submission = [
    "before", "code", "compile_output", "failure", "hidden_outputs", "owner", "payload_hash", "results", "stdin",
    "traceparent",
  ]
  not_indexed = {
    submissions       = local.of_a_submission
    rejudged          = local.of_a_submission
    attempts          = ["arrivals", "last_turns", "waiting_runs"]
    questions         = ["samples", "statement"]
    question_tests    = ["payload"]
    question_packages = ["payload"]
  }
}

resource "google_firestore_field" "not_indexed" {
  for_each = merge([
    for collection, fields in local.not_indexed : {
      for field in fields : "${collection}.${field}" => { collection = collection, field = field }
    }
  ]...)

  database   = google_firestore_database.this.name
  collection = each.value.collection
  field      = each.value.field

  index_config {}
}

# Firestore deletes a submission within a day after delete_at. Only what an archive holds may ever have that field.
resource "google_firestore_field" "time_to_live" {
  database   = google_firestore_database.this.name
  collection = "submissions"
  field      = "delete_at"

  index_config {}
  ttl_config {}
}

# What a page may read that listens to Firestore itself.
resource "google_firebaserules_ruleset" "firestore" {
  source {
    files {
      name    = "firestore.rules"
      content = file("${local.repository}/infra/firestore.rules")
    }
  }

  lifecycle {
    create_before_destroy = true # the one that is released cannot be deleted
  }

  depends_on = [google_firestore_database.this]
}

resource "google_firebaserules_release" "firestore" {
  name         = "cloud.firestore"
  ruleset_name = google_firebaserules_ruleset.firestore.name
}
