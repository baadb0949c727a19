terraform {
  required_version = ">= 1.7"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50.0, < 8.0.0" # only what both majors take is written here
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}
