{{- define "arqueta.name" -}}
{{- if contains "arqueta" .Release.Name -}}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{- else -}}{{ printf "%s-arqueta" .Release.Name | trunc 63 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "arqueta.selector" -}}
app.kubernetes.io/name: arqueta
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "arqueta.labels" -}}
{{ include "arqueta.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
