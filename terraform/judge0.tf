# A Judge0 of our own, on Compute Engine: there only where vm_size says so. One machine, made anew when it is broken.

locals {
  # workers: Judge0's own rule, two a CPU. submissions: how many are judged at once, the guide's capacity table.
  vm_sizes = {
    small  = { machine_type = "n2-custom-2-4096", workers = 4, submissions = 3 }
    medium = { machine_type = "n2-custom-4-8192", workers = 8, submissions = 8 }
    large  = { machine_type = "n2-custom-8-16384", workers = 16, submissions = 15 }
  }
  judges = var.vm_size == null ? {} : { judge0 = local.vm_sizes[var.vm_size] }

  max_concurrent_submissions = try(local.judges["judge0"].submissions, coalesce(var.max_concurrent_submissions, 3))

  judges_zone   = "${var.region}-b" # every region has this one
  judge0_port   = 2358
  health_port   = 2359
  judge0_url    = length(local.judges) == 0 ? var.judge0_url : "http://${local.judge0_address}:${local.judge0_port}"
  judge0_images = { judge0 = "judge0/judge0:1.13.1", postgres = "postgres:16.2", redis = "redis:7.2.4", nginx = "nginx:1.26.2" }
}

resource "google_service_account" "judge" {
  for_each = local.judges

  account_id   = "run-code-${each.key}"
  display_name = "run-code: the machine that runs students' programs; it may read its own token and write logs"

  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_iam_member" "judge" {
  for_each = local.judges

  secret_id = google_secret_manager_secret.secret["JUDGE0_AUTH_TOKEN"].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.judge[each.key].member
}

# The image's own agent sends there what the startup script says.
resource "google_project_iam_member" "judge" {
  for_each = local.judges

  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.judge[each.key].member
}

resource "google_compute_instance_template" "judge" {
  for_each = local.judges

  name_prefix  = "run-code-${each.key}-"
  machine_type = each.value.machine_type
  region       = var.region

  # Judge0 1.13.1's sandbox needs cgroups of version 1: of the images that can still boot with them, the one with the
  # longest support. The startup script sets the kernel parameter and boots once more.
  disk {
    source_image = "projects/ubuntu-os-cloud/global/images/family/ubuntu-2204-lts"
    disk_type    = "pd-balanced"
    disk_size_gb = 50 # the image holds the compilers of fifty languages
    boot         = true
    auto_delete  = true
  }

  # Fixed, so that its address is known before it is there; no external one.
  network_interface {
    subnetwork = google_compute_subnetwork.judges[each.key].id
    network_ip = google_compute_address.judge[each.key].address
  }

  metadata = {
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE"
  }
  metadata_startup_script = templatefile("${path.module}/judge0-startup.sh", {
    images      = local.judge0_images
    port        = local.judge0_port
    health_port = local.health_port
    project     = var.project
    secret      = google_secret_manager_secret.secret["JUDGE0_AUTH_TOKEN"].secret_id
    # another token makes another template, and so another machine
    secret_version = google_secret_manager_secret_version.secret["JUDGE0_AUTH_TOKEN"].version
    workers        = each.value.workers
  })

  service_account {
    email  = google_service_account.judge[each.key].email
    scopes = ["cloud-platform"] # what it may do is said by its roles
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Of /workers, not /about: that one answers while Redis is away, and then nothing would be judged. Judge0 wants its token
# even there and a health check can send none, so nginx on the machine adds it, for this one path.
resource "google_compute_health_check" "judge" {
  for_each = local.judges

  name                = "run-code-${each.key}"
  check_interval_sec  = 10
  timeout_sec         = 5
  healthy_threshold   = 2
  unhealthy_threshold = 6 # a minute: the breaker has long opened by then, and a new machine takes longer

  http_health_check {
    port         = local.health_port
    request_path = "/health"
  }

  depends_on = [google_project_service.api]
}

resource "google_compute_instance_group_manager" "judge" {
  for_each = local.judges

  name               = "run-code-${each.key}"
  base_instance_name = "run-code-${each.key}"
  zone               = local.judges_zone
  target_size        = 1

  version {
    instance_template = google_compute_instance_template.judge[each.key].id
  }

  auto_healing_policies {
    health_check      = google_compute_health_check.judge[each.key].id
    initial_delay_sec = 1200 # two boots, and 4 GB of images to fetch and unpack
  }

  # There is one address: the old machine goes before the new one comes.
  update_policy {
    type                  = "PROACTIVE"
    minimal_action        = "REPLACE"
    max_surge_fixed       = 0
    max_unavailable_fixed = 1
  }

  depends_on = [
    google_compute_firewall.to_judge,
    google_compute_router_nat.judges,
    google_secret_manager_secret_iam_member.judge,
  ]
}
