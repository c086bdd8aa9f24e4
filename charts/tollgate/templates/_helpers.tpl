{{/* Names that the controller and its proxies know; one release for a namespace. */}}
{{- define "tollgate.name" -}}tollgate-controller{{- end }}
{{- define "tollgate.caSecret" -}}tollgate-ca{{- end }}
{{- define "tollgate.certificateSecret" -}}tollgate-controller-tls{{- end }}
{{- define "tollgate.lease" -}}tollgate-controller{{- end }}

{{- define "tollgate.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Labels of an object: tollgate.labels (dict "root" . "component" "controller") */}}
{{- define "tollgate.labels" -}}
{{ include "tollgate.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What a selector asks for; never changes in the life of a release. */}}
{{- define "tollgate.selector" -}}
app.kubernetes.io/name: tollgate
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* A pod that the Pod Security level `restricted` lets in. */}}
{{- define "tollgate.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "tollgate.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The Redis that proxies share; empty for none, or for one whose URL is in a Secret. */}}
{{- define "tollgate.redisURL" -}}
{{- if .Values.redis.bundled.enabled -}}
redis://tollgate-redis.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}:6379
{{- else -}}
{{ .Values.redis.url }}
{{- end }}
{{- end }}

{{/* Values that contradict each other, which a schema cannot say. */}}
{{- define "tollgate.checkValues" -}}
{{- with .Values.redis }}
{{- if and .bundled.enabled (or .url .urlSecret.name) }}
{{- fail "redis.bundled.enabled: redis.url and redis.urlSecret.name name another Redis; leave one" }}
{{- end }}
{{- if and .url .urlSecret.name }}
{{- fail "redis.url and redis.urlSecret.name both name a Redis; leave one" }}
{{- end }}
{{- end }}
{{- if and .Values.watch.namespaces .Values.watch.namespaceSelector }}
{{- fail "watch.namespaces and watch.namespaceSelector cannot both be given: a list of names needs no selector" }}
{{- end }}
{{- end }}
