{{/* Combinations that the schema cannot tell, each refused with what to write instead. */}}
{{- define "workerpool.validate" -}}
{{- $v := .Values }}
{{- $watched := $v.watchNamespaces }}
{{- range $name, $service := dict "dashboard" $v.dashboard.service "demo.front" $v.demo.front.service }}
{{- if and $service.nodePort (ne $service.type "NodePort") }}
{{- fail (printf "%s.service.nodePort is %v, but a %s has none: set %s.service.type=NodePort as well, or leave nodePort out." $name $service.nodePort $service.type $name) }}
{{- end }}
{{- end }}
{{- if and (gt (int $v.replicas) 1) (not $v.leaderElection.enabled) }}
{{- fail (printf "replicas is %v, and without leader election all of them would scale at once: set leaderElection.enabled=true as well, or replicas=1." $v.replicas) }}
{{- end }}
{{- if and $v.leaderElection.enabled (le (int $v.replicas) 1) }}
{{- fail "leaderElection.enabled is true, but a single operator has nobody to elect against: set replicas=2 as well, or leave leader election out." }}
{{- end }}
{{- if and (not $v.serviceAccount.create) (not $v.serviceAccount.name) }}
{{- fail "serviceAccount.create is false, and the namespace's default account would give the operator's rights to every pod beside it: set serviceAccount.name to an account of the operator's own." }}
{{- end }}
{{- if and $v.metrics.serviceMonitor.enabled $v.metrics.podMonitor.enabled }}
{{- fail "metrics.serviceMonitor and metrics.podMonitor are both enabled, and Prometheus would count all twice: enable one of them." }}
{{- end }}
{{- if and $v.crds.upgrade (not $v.rbac.create) }}
{{- fail "rbac.create is false, but crds.upgrade is true, and its Job needs a right on the CRD: set crds.upgrade=false as well, and apply the chart's crds/workerpools.yaml yourself before each upgrade." }}
{{- end }}
{{- if $watched }}
{{- range $v.rbac.secretNamespaces }}
{{- if not (has . $watched) }}
{{- fail (printf "rbac.secretNamespaces names %s, which the operator does not watch: add it to watchNamespaces, or take it out." .) }}
{{- end }}
{{- end }}
{{- if and $v.demo.enabled (not (has .Release.Namespace $watched)) }}
{{- fail (printf "demo.enabled puts the demo into %s, which the operator does not watch: add it to watchNamespaces, or install into one of %s." .Release.Namespace (join ", " $watched)) }}
{{- end }}
{{- end }}
{{- end }}
