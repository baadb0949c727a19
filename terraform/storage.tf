# Nothing in a bucket is public, nothing has an access list of its own, and what is overwritten or deleted can be had
# again for a while.

locals {
  buckets = {
    source   = { kept_days = 90, archived = false } # bundles of the code: a roll-back finds the earlier ones
    objects  = { kept_days = 30, archived = false } # large tests and outputs
    archives = { kept_days = 365, archived = true } # exported exams
  }
}

resource "google_storage_bucket" "bucket" {
  for_each = local.buckets

  name                        = "${var.project}-run-code-${each.key}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  #checkov:skip=CKV_GCP_62: Cloud Audit Logs say who did what; logs of each access would be a second archive of personal data

  versioning {
    enabled = true
  }

  lifecycle_rule {
    condition {
      days_since_noncurrent_time = each.value.kept_days
      with_state                 = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 1
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  dynamic "lifecycle_rule" {
    for_each = each.value.archived ? ["COLDLINE"] : []

    content {
      condition {
        age = 90
      }
      action {
        type          = "SetStorageClass"
        storage_class = lifecycle_rule.value
      }
    }
  }

  depends_on = [google_project_service.api]
}

# The code speaks the S3 protocol, whose keys belong to an account: one of the functions, which touch no archive, and one
# of the command line, which exports exams.
locals {
  keys = {
    objects   = { buckets = ["objects"], about = "the functions: large tests and outputs, by the S3 protocol" }
    operators = { buckets = ["objects", "archives"], about = "the command line: objects and archives, by the S3 protocol" }
  }
}

resource "google_service_account" "key" {
  for_each = local.keys

  account_id   = "run-code-${each.key}"
  display_name = "run-code: ${each.value.about}"

  depends_on = [google_project_service.api]
}

resource "google_storage_bucket_iam_member" "key" {
  for_each = merge([
    for name, key in local.keys : { for bucket in key.buckets : "${name}.${bucket}" => { key = name, bucket = bucket } }
  ]...)

  bucket = google_storage_bucket.bucket[each.value.bucket].name
  role   = "roles/storage.objectUser"
  member = google_service_account.key[each.value.key].member
}

resource "google_storage_hmac_key" "key" {
  for_each = local.keys

  service_account_email = google_service_account.key[each.key].email
}
