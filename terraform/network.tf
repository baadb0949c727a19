# The network of the judge and the way from the functions to it. There only with a judge of our own.
#
# The functions reach it through a connector: direct egress came to functions only with later providers than the oldest
# that versions.tf allows.

locals {
  judges_range    = "10.40.0.0/28"
  connector_range = "10.40.1.0/28"
  judge0_address  = cidrhost(local.judges_range, 10)
  health_checks   = ["35.191.0.0/16", "130.211.0.0/22"] # where Google's health checks come from
  iap             = ["35.235.240.0/20"]                 # where `gcloud compute ssh --tunnel-through-iap` comes from
}

resource "google_compute_network" "judges" {
  for_each = local.judges

  name                    = "run-code"
  auto_create_subnetworks = false

  #checkov:skip=CKV2_GCP_18: to_judge, below, is its firewall; that rule does not see through for_each

  depends_on = [google_project_service.api]
}

resource "google_compute_subnetwork" "judges" {
  for_each = local.judges

  name                     = "run-code-judges"
  network                  = google_compute_network.judges[each.key].id
  region                   = var.region
  ip_cidr_range            = local.judges_range
  private_ip_google_access = true

  #checkov:skip=CKV_GCP_26: one machine with one way in; what it is asked is in the functions' logs
}

resource "google_compute_address" "judge" {
  for_each = local.judges

  name         = "run-code-${each.key}"
  region       = var.region
  subnetwork   = google_compute_subnetwork.judges[each.key].id
  address_type = "INTERNAL"
  address      = local.judge0_address
}

# Images and packages come through it; nothing gets in.
resource "google_compute_router" "judges" {
  for_each = local.judges

  name    = "run-code"
  region  = var.region
  network = google_compute_network.judges[each.key].id
}

resource "google_compute_router_nat" "judges" {
  for_each = local.judges

  name                               = "run-code"
  region                             = var.region
  router                             = google_compute_router.judges[each.key].name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

resource "google_vpc_access_connector" "judges" {
  for_each = local.judges

  name          = "run-code"
  region        = var.region
  network       = google_compute_network.judges[each.key].name
  ip_cidr_range = local.connector_range
  machine_type  = "e2-micro"
  min_instances = 2
  max_instances = 3

  lifecycle {
    create_before_destroy = true # when vm_size goes: the functions leave it first
  }
}

resource "google_compute_firewall" "to_judge" {
  for_each = length(local.judges) == 0 ? {} : {
    functions     = { from = [local.connector_range], port = local.judge0_port }
    health-checks = { from = local.health_checks, port = local.health_port }
    ssh-by-iap    = { from = local.iap, port = 22 }
  }

  name                    = "run-code-${each.key}"
  network                 = google_compute_network.judges["judge0"].id
  direction               = "INGRESS"
  source_ranges           = each.value.from
  target_service_accounts = [google_service_account.judge["judge0"].email]

  allow {
    protocol = "tcp"
    ports    = [tostring(each.value.port)]
  }
}
