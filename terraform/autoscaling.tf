# Several judges of our own: how many there are, and the name by which the functions find them. There only where
# judges.most is over 1.

locals {
  judges_name      = "judges.run-code.internal."
  judge0_discovery = !local.several ? null : join("", [trimsuffix(local.judges_name, "."), ":${local.judge0_port}", local.auto ? "" : "=${local.most_each}"])

  # What the sweep writes each minute: how many judges there should be, by functions/domain/scaling.py.
  judges_wanted    = "custom.googleapis.com/run_code/judges_wanted"
  boot_seconds     = 600 # two boots, and 4 GB of images
  scale_in_seconds = 600

  # How a machine joins the others, after it has started Judge0 (judge0-startup.sh).
  joining = !local.several ? [] : [<<-SH
    cat > /opt/judge0/member <<'MEMBER'
    ${trimspace(file("${path.module}/judge0-member.sh"))}
    MEMBER
    chmod 755 /opt/judge0/member
    cat > /etc/systemd/system/judge0-member.service <<'UNIT'
    [Unit]
    Description=The judge's address among those of all judges
    After=docker.service containerd.service network-online.target

    [Service]
    Environment=NAME=${local.judges_name} ZONE=${google_dns_managed_zone.judges["judge0"].name} PROJECT=${var.project} PORT=${local.health_port}
    ExecStart=/opt/judge0/member stay
    ExecStop=/bin/kill $MAINPID
    ExecStop=/opt/judge0/member leave
    TimeoutStopSec=85
    Restart=always
    RestartSec=10
    UNIT
    systemctl daemon-reload
    systemctl start judge0-member
  SH
  ]
}

resource "google_dns_managed_zone" "judges" {
  for_each = local.several ? local.judges : {}

  name          = "run-code"
  dns_name      = "run-code.internal."
  description   = "The judges that answer: they write it themselves"
  visibility    = "private"
  force_destroy = true # what machines wrote goes with it

  private_visibility_config {
    networks {
      network_url = google_compute_network.judges[each.key].id
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_project_iam_custom_role" "judges" {
  for_each = local.several ? local.judges : {}

  role_id = "runCodeJudgesNames"
  title   = "run-code: writes the judges' addresses"
  permissions = [
    "dns.changes.create",
    "dns.changes.get",
    "dns.managedZones.get",
    "dns.resourceRecordSets.create",
    "dns.resourceRecordSets.delete",
    "dns.resourceRecordSets.get",
    "dns.resourceRecordSets.list",
    "dns.resourceRecordSets.update",
  ]

  depends_on = [google_project_service.api]
}

# In this one zone.
resource "google_dns_managed_zone_iam_member" "judges" {
  for_each = local.several ? local.judges : {}

  managed_zone = google_dns_managed_zone.judges[each.key].name
  role         = google_project_iam_custom_role.judges[each.key].name
  member       = google_service_account.judge[each.key].member
}

resource "google_monitoring_metric_descriptor" "judges_wanted" {
  for_each = local.several ? local.judges : {}

  type         = local.judges_wanted
  display_name = "Judges that there should be"
  description  = "Of the line, what is in hand, the longest wait and how long a judging takes; written by each sweep"
  metric_kind  = "GAUGE"
  value_type   = "INT64"
  unit         = "1"

  depends_on = [google_project_service.api]
}

# Monitoring knows no smaller grant than all metrics of the project.
resource "google_project_iam_member" "judges_wanted" {
  for_each = local.several ? local.judges : {}

  project = var.project
  role    = "roles/monitoring.metricWriter"
  member  = google_service_account.function["sweep"].member
}

resource "google_compute_autoscaler" "judge" {
  for_each = local.several ? local.judges : {}

  name   = "run-code-${each.key}"
  zone   = local.judges_zone
  target = google_compute_instance_group_manager.judge[each.key].id

  autoscaling_policy {
    min_replicas    = 1
    max_replicas    = var.judges.most
    cooldown_period = local.boot_seconds

    # As many machines as the number says: it is the whole decision, and this carries it out. Of another type than an
    # instance the number is the group's, not each machine's.
    metric {
      name                       = google_monitoring_metric_descriptor.judges_wanted[each.key].type
      filter                     = "resource.type = \"global\""
      single_instance_assignment = 1
    }

    # The decision, too, takes one away at a time; this holds even for a number that is wrong.
    scale_in_control {
      time_window_sec = local.scale_in_seconds

      max_scaled_in_replicas {
        fixed = 1
      }
    }

    dynamic "scaling_schedules" {
      for_each = var.judges.schedule

      content {
        name                  = scaling_schedules.key
        schedule              = scaling_schedules.value.cron
        time_zone             = scaling_schedules.value.time_zone
        duration_sec          = scaling_schedules.value.minutes * 60
        min_required_replicas = scaling_schedules.value.judges
      }
    }
  }
}
