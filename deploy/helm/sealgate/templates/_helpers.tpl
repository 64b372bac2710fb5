{{- define "sealgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "sealgate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "sealgate.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "sealgate.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The full name with a suffix, within 63 characters: (list . "admin"). */}}
{{- define "sealgate.suffixed" -}}
{{- $suffix := index . 1 }}
{{- $room := int (sub 62 (len $suffix)) }}
{{- printf "%s-%s" (include "sealgate.fullname" (index . 0) | trunc $room | trimSuffix "-") $suffix }}
{{- end }}

{{- define "sealgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sealgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sealgate.labels" -}}
{{- $own := dict "app.kubernetes.io/name" (include "sealgate.name" .) "app.kubernetes.io/instance" .Release.Name "app.kubernetes.io/version" (.Values.image.tag | default .Chart.AppVersion | trunc 63 | trimSuffix "-") "app.kubernetes.io/managed-by" .Release.Service "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") }}
{{- merge $own .Values.commonLabels | toYaml }}
{{- end }}

{{- define "sealgate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "sealgate.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "sealgate.image" -}}
{{- $name := .Values.image.repository }}
{{- if .Values.image.registry }}{{ $name = printf "%s/%s" .Values.image.registry $name }}{{ end }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $name .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $name (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/* "true" where the chart makes the ConfigMap; fails unless exactly one source of the file is set. */}}
{{- define "sealgate.ownConfig" -}}
{{- $sources := list }}
{{- if or .Values.config.routes .Values.config.include }}{{ $sources = append $sources "config" }}{{ end }}
{{- range $name := list "configFile" "existingConfigMap" "existingConfigSecret" }}
{{- if index $.Values $name }}{{ $sources = append $sources $name }}{{ end }}
{{- end }}
{{- if eq (len $sources) 0 }}
{{- fail "the gateway has no file: set config (with issuers and routes), configFile (--set-file configFile=gateway.yaml), existingConfigMap or existingConfigSecret" }}
{{- else if gt (len $sources) 1 }}
{{- fail (printf "the gateway has one file, but several are set: %s" (join ", " $sources)) }}
{{- end }}
{{- if or (eq (first $sources) "config") (eq (first $sources) "configFile") }}true{{ end }}
{{- end }}

{{- define "sealgate.file" -}}
{{- if .Values.configFile }}{{ .Values.configFile }}{{ else }}{{ toYaml .Values.config }}{{ end }}
{{- end }}

{{- define "sealgate.configFolder" -}}/etc/sealgate{{- end }}

{{- define "sealgate.secretName" -}}
{{- if and .Values.secrets.existingSecret .Values.secrets.values }}
{{- fail "secrets: set existingSecret or values, not both" }}
{{- else if .Values.secrets.values }}
{{- include "sealgate.suffixed" (list . "secrets") }}
{{- else }}
{{- .Values.secrets.existingSecret }}
{{- end }}
{{- end }}

{{/* Whole seconds, rounded up, of a duration of the file: 500ms, 30s, 10m, 24h. */}}
{{- define "sealgate.seconds" -}}
{{- $text := toString . }}
{{- if not (regexMatch "^[0-9]+(ms|s|m|h|d)$" $text) }}
{{- fail (printf "shutdown has %q, which the chart cannot read: set terminationGracePeriodSeconds" $text) }}
{{- end }}
{{- $number := regexFind "^[0-9]+" $text | int }}
{{- if hasSuffix "ms" $text }}{{ div (add $number 999) 1000 }}
{{- else }}{{ mul $number (get (dict "s" 1 "m" 60 "h" 3600 "d" 86400) (regexFind "[a-z]$" $text)) }}
{{- end }}
{{- end }}

{{/* shutdown.delay + shutdown.grace of the file, and a little more, so that a pod is not killed while it drains. */}}
{{- define "sealgate.terminationGracePeriodSeconds" -}}
{{- if not (kindIs "invalid" .Values.terminationGracePeriodSeconds) }}
{{- .Values.terminationGracePeriodSeconds }}
{{- else if include "sealgate.ownConfig" . }}
{{- $file := include "sealgate.file" . | fromYaml }}
{{- if $file.Error }}{{ fail (printf "configFile is not YAML: %s" $file.Error) }}{{ end }}
{{- $shutdown := $file.shutdown | default dict }}
{{- $delay := include "sealgate.seconds" ($shutdown.delay | default "0s") | int }}
{{- $grace := include "sealgate.seconds" ($shutdown.grace | default "20s") | int }}
{{- add $delay $grace 10 }}
{{- else }}60
{{- end }}
{{- end }}

{{/* What the gateway and `helm test` share. */}}
{{- define "sealgate.env" -}}
{{- with .Values.extraEnv }}
env: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "sealgate.volumeMounts" -}}
# The whole folder, never a subPath: a subPath gets no updates.
- { name: config, mountPath: {{ include "sealgate.configFolder" . }}, readOnly: true }
{{- if include "sealgate.secretName" . }}
- { name: secrets, mountPath: /run/secrets/sealgate, readOnly: true }
{{- end }}
- { name: tmp, mountPath: /tmp }
{{- if .Values.state.enabled }}
- { name: state, mountPath: {{ .Values.state.mountPath | quote }} }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sealgate.volumes" -}}
- name: config
  {{- if .Values.existingConfigSecret }}
  secret:
    secretName: {{ .Values.existingConfigSecret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ .Values.existingConfigMap | default (include "sealgate.fullname" .) }}
  {{- end }}
{{- with include "sealgate.secretName" . }}
- name: secrets
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 16Mi
{{- if .Values.state.enabled }}
- name: state
  {{- if .Values.state.existingClaim }}
  persistentVolumeClaim:
    claimName: {{ .Values.state.existingClaim }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .Values.state.sizeLimit }}
  {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of a resource for the Prometheus Operator or Grafana: (list . .Values.metrics.NAME). */}}
{{- define "sealgate.metadata" -}}
{{- $root := index . 0 }}
{{- $one := index . 1 }}
name: {{ include "sealgate.fullname" $root }}
namespace: {{ $one.namespace | default $root.Release.Namespace }}
labels: {{- include "sealgate.labels" $root | nindent 2 }}
{{- with $one.labels }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* How Prometheus reads the metrics: (list . .Values.metrics.NAME). */}}
{{- define "sealgate.endpoint" -}}
{{- $one := index . 1 -}}
- port: admin
  path: /metrics
  interval: {{ $one.interval }}
  {{- with $one.scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- with $one.relabelings }}
  relabelings: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $one.metricRelabelings }}
  metricRelabelings: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
