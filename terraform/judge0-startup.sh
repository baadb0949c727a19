#!/bin/bash
# Runs at every boot of the judge's machine; Terraform fills in images, ports, the token's secret and the workers.
set -euo pipefail

# Judge0's sandbox (isolate) speaks cgroups of version 1 only. The first boot ends here.
kernel=/etc/default/grub.d/99-cgroups-v1.cfg
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
  if [ -e "$kernel" ]; then
    echo "judge0: the kernel still has cgroups of version 2" >&2
    exit 1
  fi
  echo 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX systemd.unified_cgroup_hierarchy=0"' > "$kernel"
  update-grub
  reboot
  exit
fi

# Networks, mirrors and Google's own services hiccup while a machine boots: ten minutes of tries, 10 s apart.
patiently() {
  local left=60
  until "$@"; do
    left=$((left - 1))
    if [ "$left" -eq 0 ]; then
      echo "judge0: gave up after ten minutes: $*" >&2
      return 1
    fi
    sleep 10
  done
}

if ! docker compose version > /dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  patiently apt-get -o DPkg::Lock::Timeout=60 update
  patiently apt-get -o DPkg::Lock::Timeout=60 install --yes --no-install-recommends docker.io docker-compose-v2
fi

umask 077
mkdir -p /opt/judge0
cd /opt/judge0

token=$(patiently /snap/bin/gcloud secrets versions access ${secret_version} --secret=${secret} --project=${project})
# The database holds nothing but what is judged now: each machine makes up its own passwords.
[ -s passwords ] || printf '%s %s\n' "$(openssl rand -hex 24)" "$(openssl rand -hex 24)" > passwords
read -r postgres_password redis_password < passwords

cat > judge0.conf <<CONF
RAILS_ENV=production
COUNT=${workers}
AUTHN_HEADER=X-Auth-Token
AUTHN_TOKEN=$token
ALLOW_ENABLE_NETWORK=false
ENABLE_CALLBACKS=false
ENABLE_WAIT_RESULT=false
JUDGE0_TELEMETRY_ENABLE=false
POSTGRES_HOST=db
POSTGRES_DB=judge0
POSTGRES_USER=judge0
POSTGRES_PASSWORD=$postgres_password
REDIS_HOST=redis
REDIS_PASSWORD=$redis_password
CONF
chmod 644 judge0.conf # Judge0's own user reads it in the container; on the machine the folder keeps others out

# Passes one path on, with the token, to whoever may reach the health port: Google's checks.
cat > health.conf <<CONF
server {
  listen ${health_port};
  resolver 127.0.0.11 valid=10s;
  location = /health {
    set \$judge0 http://server:2358/workers;
    proxy_set_header X-Auth-Token $token;
    proxy_pass \$judge0;
  }
  location / { return 404; }
}
CONF

cat > docker-compose.yml <<'COMPOSE'
x-all: &all
  restart: always
  logging:
    driver: json-file
    options: { max-size: 50m, max-file: "2" }

services:
  server:
    <<: *all
    image: ${images.judge0}
    privileged: true
    volumes: ["./judge0.conf:/judge0.conf:ro"]
    ports: ["${port}:2358"]
    depends_on: [db, redis]
  workers:
    <<: *all
    image: ${images.judge0}
    command: ["./scripts/workers"]
    privileged: true
    volumes: ["./judge0.conf:/judge0.conf:ro"]
    depends_on: [db, redis]
  db:
    <<: *all
    image: ${images.postgres}
    env_file: judge0.conf
    volumes: ["data:/var/lib/postgresql/data"]
  redis:
    <<: *all
    image: ${images.redis}
    command: ["sh", "-c", "exec redis-server --save '' --appendonly no --requirepass \"$$REDIS_PASSWORD\""]
    env_file: judge0.conf
  health:
    <<: *all
    image: ${images.nginx}
    volumes: ["./health.conf:/etc/nginx/conf.d/default.conf:ro"]
    ports: ["${health_port}:${health_port}"]

volumes:
  data:
COMPOSE

patiently docker compose up --detach --remove-orphans # fetches the images that are not there
