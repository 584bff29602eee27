{{/* Rejects combinations of values that the schema cannot check; each message says what to set instead. */}}
{{- define "workerpool.validate" -}}
{{- $v := .Values }}
{{- $watched := $v.watchNamespaces }}
{{- range $name, $service := dict "dashboard" $v.dashboard.service "demo.front" $v.demo.front.service }}
{{- if and $service.nodePort (ne $service.type "NodePort") }}
{{- fail (printf "%s.service.nodePort is %v, but a %s has none: set %s.service.type=NodePort as well, or omit nodePort." $name $service.nodePort $service.type $name) }}
{{- end }}
{{- end }}
{{- if and (gt (int $v.replicas) 1) (not $v.leaderElection.enabled) }}
{{- fail (printf "replicas is %v, but without leader election all of them would scale at the same time: set leaderElection.enabled=true as well, or replicas=1." $v.replicas) }}
{{- end }}
{{- if and $v.leaderElection.enabled (le (int $v.replicas) 1) }}
{{- fail "leaderElection.enabled is true, but there is only one operator: set replicas=2 as well, or disable leader election." }}
{{- end }}
{{- if and (not $v.serviceAccount.create) (not $v.serviceAccount.name) }}
{{- fail "serviceAccount.create is false, but the namespace's default account would give the operator's permissions to every pod in the namespace: set serviceAccount.name to an account for the operator." }}
{{- end }}
{{- if and $v.metrics.serviceMonitor.enabled $v.metrics.podMonitor.enabled }}
{{- fail "metrics.serviceMonitor and metrics.podMonitor are both enabled, but then Prometheus would scrape every metric twice: enable one of them." }}
{{- end }}
{{- if and $v.crds.upgrade (not $v.rbac.create) }}
{{- fail "rbac.create is false, but crds.upgrade is true and its Job needs a permission for the CRD: set crds.upgrade=false as well, and apply the chart's crds/workerpools.yaml yourself before each upgrade." }}
{{- end }}
{{- if $watched }}
{{- range $v.rbac.secrets }}
{{- $namespace := first (splitList "/" .) }}
{{- if not (has $namespace $watched) }}
{{- fail (printf "rbac.secrets names %s, which the operator does not watch: add it to watchNamespaces, or remove it." $namespace) }}
{{- end }}
{{- end }}
{{- if and $v.demo.enabled (not (has .Release.Namespace $watched)) }}
{{- fail (printf "demo.enabled puts the demo into %s, which the operator does not watch: add it to watchNamespaces, or install into one of %s." .Release.Namespace (join ", " $watched)) }}
{{- end }}
{{- end }}
{{- end }}
