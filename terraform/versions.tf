terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50.0, < 8.0.0" # only what both majors take is written here
    }
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.7.0, < 3.0.0"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.7.0, < 4.0.0"
    }
  }

  # The state holds secrets: it lies in a bucket of its own, named at `terraform init` (README.md).
  backend "gcs" {}
}

provider "google" {
  project               = var.project
  region                = var.region
  billing_project       = var.project
  user_project_override = true # Firebase's rules are refused to a person's credentials without it
}

data "google_project" "this" {
  project_id = var.project
}

locals {
  project_number = data.google_project.this.number
}
