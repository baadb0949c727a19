# A secret has no rule of its own: Terraform prints the value that breaks one. Others' rules look at it instead.

variable "project" {
  description = "The id of the Google Cloud project that holds everything, and nothing else."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project's id, such as exam-2031: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where everything is. It cannot be changed later: Firestore does not move."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region, such as europe-west1; multi-regions and zones are none."
  }
}

variable "vm_size" {
  description = "Run Judge0 on a machine of our own: small (2 CPU, 4 GB: 3 at once), medium (4, 8: 8) or large (8, 16: 15). Null: judge0_url says where one is."
  type        = string
  default     = null

  validation {
    condition     = var.vm_size == null || contains(["small", "medium", "large"], coalesce(var.vm_size, "small"))
    error_message = "vm_size must be small, medium or large."
  }
  validation {
    condition     = (var.vm_size == null) != (var.judge0_url == null)
    error_message = "Set one of vm_size (a Judge0 of our own) and judge0_url (one that there is)."
  }
  validation {
    condition     = var.vm_size == null || var.judge0_auth_token == null
    error_message = "With vm_size the token is made here: leave judge0_auth_token out."
  }
}

variable "judges" {
  description = "With vm_size: how many machines there may be at most, each of that size. With more than one they come and go with the load. schedule: exams that are known, each from a cron expression on (its sixth field, if any, is the year) for so many minutes, with at least so many judges."
  type = object({
    most = optional(number, 1)
    schedule = optional(map(object({
      cron      = string
      minutes   = number
      judges    = number
      time_zone = optional(string, "Etc/UTC")
    })), {})
  })
  default = {}

  validation {
    condition     = var.judges.most >= 1 && var.judges.most <= 10 && floor(var.judges.most) == var.judges.most
    error_message = "judges.most must be a whole number from 1 to 10: their network has addresses for that many, and for one that replaces another."
  }
  validation {
    condition     = var.judges.most == 1 || var.vm_size != null
    error_message = "judges is about machines of our own: set vm_size. Judges elsewhere are listed in judge0_url."
  }
  validation {
    condition     = length(var.judges.schedule) == 0 || var.judges.most > 1
    error_message = "A schedule needs more than one judge to choose from: set judges.most."
  }
  validation {
    condition     = alltrue([for name, exam in var.judges.schedule : can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", name)) && contains([5, 6], length(split(" ", exam.cron))) && exam.minutes >= 5 && exam.judges >= 1 && exam.judges <= var.judges.most])
    error_message = "Each of judges.schedule has a lower-case name, a cron expression of five fields or six (the year), 5 minutes or more, and 1 to judges.most judges."
  }
}

variable "judge0_url" {
  description = "Where a Judge0 is, when vm_size is null; or several: https://a.example=3,https://b.example=8, each with how many submissions it judges at once."
  type        = string
  default     = null

  validation {
    condition     = var.judge0_url == null || alltrue([for judge in split(",", coalesce(var.judge0_url, "-")) : can(regex("^https://[^/?#@=]+(/[^?#=]*)?(=([1-9][0-9]?|100))?$", trimspace(judge)))])
    error_message = "judge0_url must be an https URL, for students' code and the key travel there, or a list of them: https://a.example=3,https://b.example=8. Keys have variables of their own."
  }
}

variable "judge0_api_host" {
  description = "RapidAPI's host of Judge0, one of judge0_url; it alone gets judge0_api_key."
  type        = string
  default     = null

  validation {
    condition     = (var.judge0_api_host == null) == (var.judge0_api_key == null)
    error_message = "judge0_api_host and judge0_api_key go together."
  }
  validation {
    condition     = var.judge0_api_host == null || anytrue([for judge in split(",", coalesce(var.judge0_url, "-")) : can(regex("^https://${lower(coalesce(var.judge0_api_host, "-"))}([/:=]|$)", lower(trimspace(judge))))])
    error_message = "judge0_api_host must be the host of a judge in judge0_url: that one alone gets the key."
  }
}

variable "judge0_api_key" {
  description = "RapidAPI's key. Pass it as TF_VAR_judge0_api_key; it is kept in Secret Manager, and in the state."
  type        = string
  default     = null
  sensitive   = true
}

variable "judge0_auth_token" {
  description = "The X-Auth-Token of a self-hosted Judge0 at judge0_url; of several, one for all or a.example=token,b.example=other. Pass it as TF_VAR_judge0_auth_token. Our own machine's is made here."
  type        = string
  default     = null
  sensitive   = true
}

variable "max_concurrent_submissions" {
  description = "How many submissions each judge without a number of its own judges at once: the number of its slots. auto, or auto:2-12 with bounds: as many as it bears. Null: 3; with vm_size its table decides."
  type        = string
  default     = null

  validation {
    condition     = var.max_concurrent_submissions == null || can(regex("^([1-9][0-9]?|100)$|^auto(:([1-9][0-9]?|100)-([1-9][0-9]?|100))?$", var.max_concurrent_submissions))
    error_message = "max_concurrent_submissions must be a whole number from 1 to 100, or auto, or auto:2-12 with bounds from 1 to 100."
  }
  validation {
    condition     = try(tonumber(regex("^auto:([0-9]+)-", var.max_concurrent_submissions)[0]) <= tonumber(regex("-([0-9]+)$", var.max_concurrent_submissions)[0]), true)
    error_message = "The bounds of max_concurrent_submissions are the wrong way round."
  }
  validation {
    condition     = var.vm_size == null || startswith(coalesce(var.max_concurrent_submissions, "auto"), "auto")
    error_message = "With vm_size its table decides how many at once: leave max_concurrent_submissions out, or say auto."
  }
}

variable "auth" {
  description = "Who signs the tokens of students and staff. jwks_url: where their public keys are (Firebase Auth, Auth0 ...); without it auth_jwt_secret signs."
  type = object({
    jwks_url   = optional(string)
    issuer     = optional(string)
    audience   = optional(string)
    role_claim = optional(string, "role")
  })
  default = {}

  validation {
    condition     = (var.auth.jwks_url == null) != (var.auth_jwt_secret == null)
    error_message = "Set one of auth.jwks_url and auth_jwt_secret."
  }
  validation {
    condition     = var.auth.jwks_url != null || length(coalesce(var.auth_jwt_secret, "-")) >= 32
    error_message = "auth_jwt_secret must have 32 characters or more."
  }
  validation {
    condition     = var.auth.jwks_url == null || startswith(coalesce(var.auth.jwks_url, "https://"), "https://")
    error_message = "auth.jwks_url must be an https URL."
  }
}

variable "auth_jwt_secret" {
  description = "The secret that signs tokens by HS256. Pass it as TF_VAR_auth_jwt_secret; it is kept in Secret Manager, and in the state."
  type        = string
  default     = null
  sensitive   = true
}

variable "allowed_origins" {
  description = "The origins of the pages that may call the service, such as https://exam.example.org."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.allowed_origins : can(regex("^https?://[a-z0-9.-]+(:[0-9]+)?$", origin))])
    error_message = "allowed_origins must be origins as a browser sends them: https://exam.example.org, no path, no wildcard."
  }
}

variable "alert_email" {
  description = "Who is told when something is wrong during an exam."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.alert_email))
    error_message = "alert_email must be an address."
  }
}

variable "warm_instances" {
  description = "Instances of run-code and of judge-submission that are kept ready. 0 costs nothing; 1 or 2 during an exam spares the first students a cold start."
  type        = number
  default     = 0

  validation {
    condition     = var.warm_instances >= 0 && var.warm_instances <= 10 && floor(var.warm_instances) == var.warm_instances
    error_message = "warm_instances must be a whole number from 0 to 10."
  }
}

variable "settings" {
  description = "Settings of .env.example that are not to have their defaults, such as { BATCH_SIZE = \"5\" }. The output settings_left_at_default lists them."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), local.settings_left_at_default)) == 0
    error_message = "settings may only hold: ${join(", ", local.settings_left_at_default)}. The others are set here already, or are for one machine only."
  }
}

variable "repository" {
  description = "The checkout that is deployed. Null: the one that this folder is in."
  type        = string
  default     = null
}
