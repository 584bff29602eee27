{{/* Names leave room for the longest suffix within the 63 characters of a Service name. */}}
{{- define "workerpool.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "workerpool.fullname" -}}
{{- $name := include "workerpool.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Cluster-scoped objects have the release's namespace in their name, so that two releases can have the same name. */}}
{{- define "workerpool.clusterName" -}}
{{- printf "%s-%s" (include "workerpool.fullname" .) .Release.Namespace }}
{{- end }}

{{- define "workerpool.dashboardAuth" -}}
{{- .Values.dashboard.auth | default (ternary "none" "token" .Values.demo.enabled) }}
{{- end }}

{{- define "workerpool.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "workerpool.fullname" .) }}
{{- end }}

{{/* (list $ "component"). Pods have only these labels: a version label would restart Redis and workers at each upgrade. */}}
{{- define "workerpool.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "workerpool.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "workerpool.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "workerpool.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: workerpool
{{- end }}

{{/* The metadata of a namespaced object: (list $ "component" "name"). */}}
{{- define "workerpool.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 2 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "workerpool.labels" . | nindent 2 }}
{{- end }}

{{/*
image and imagePullPolicy: (list $ image). As in every image name, what stands before the first slash is a registry if it has a
dot or a port, or is localhost.
*/}}
{{- define "workerpool.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $repository := $image.repository -}}
{{- with ($root.Values.global).imageRegistry -}}
{{- $repository = printf "%s/%s" . (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") -}}
{{- end -}}
image: {{ $repository }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ with $image.digest }}@{{ . }}{{ end }}
imagePullPolicy: {{ $image.pullPolicy }}
{{- end }}

{{/* The common spec of every pod of the chart. */}}
{{- define "workerpool.pod" -}}
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- if not (kindIs "invalid" .Values.hostUsers) }}
hostUsers: {{ .Values.hostUsers }}
{{- end }}
{{- range $key := list "imagePullSecrets" "nodeSelector" "tolerations" }}
{{- with index $.Values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "workerpool.securityContext" -}}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end }}

{{/* The environment by which workers and the test find the demo's queue. */}}
{{- define "workerpool.demoEnv" -}}
- {name: REDIS_URL, value: "redis://redis:6379/0"}
- {name: QUEUE, value: tasks}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end }}
