# What is deployed: the same files that .gcloudignore leaves (a test holds the two lists alike). Named here one by one,
# so that nothing that happens to lie in the checkout (.env, a state, an archive) can come along.

locals {
  repository = coalesce(var.repository, "${path.module}/..")
  bundle = setsubtract(
    setunion(
      fileset(local.repository, "{main.py,requirements.txt}"),
      fileset(local.repository, "functions/**/*.py"),
      fileset(local.repository, "infra/*.py"),
    ),
    ["infra/latex.py", "infra/sqlite.py"], # of the command line and the local stack
  )
}

data "archive_file" "bundle" {
  type        = "zip"
  output_path = "${path.root}/.terraform/bundle.zip"

  dynamic "source" {
    for_each = local.bundle

    content {
      filename = source.value
      content  = file("${local.repository}/${source.value}")
    }
  }
}

# Named by its content: another bundle is another object, and the functions are deployed anew.
resource "google_storage_bucket_object" "bundle" {
  name   = "bundle-${data.archive_file.bundle.output_sha256}.zip"
  bucket = google_storage_bucket.bucket["source"].name
  source = data.archive_file.bundle.output_path
}

# Builds run as an account that can read the source, write the image and its log, and nothing else. Grants take a minute
# or two to count: the indexes, which take longer, are made between them and the first build.
resource "google_service_account" "build" {
  account_id   = "run-code-build"
  display_name = "run-code: builds the functions"

  depends_on = [google_project_service.api]
}

resource "google_artifact_registry_repository" "functions" {
  repository_id = "run-code"
  location      = var.region
  format        = "DOCKER"
  description   = "The functions' images"

  #checkov:skip=CKV_GCP_84: Google's own keys encrypt it; an image can be built again from the bundle

  cleanup_policies {
    id     = "keep-the-latest"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-the-rest"
    action = "DELETE"

    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_artifact_registry_repository_iam_member" "build" {
  repository = google_artifact_registry_repository.functions.name
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build" {
  bucket = google_storage_bucket.bucket["source"].name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

# A build reads a copy of the source, in a bucket that Cloud Functions makes for itself.
resource "google_project_iam_member" "build_uploads" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "uploads-of-functions"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${local.project_number}-\")"
  }
}

resource "google_project_iam_member" "build" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}
