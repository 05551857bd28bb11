{{- define "processor-link.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Labels that a selector uses: (dict "root" $ "part" "api"). */}}
{{- define "processor-link.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "processor-link.labels" -}}
{{ include "processor-link.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "processor-link.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/*
A pod of one process: (dict "root" $ "part" "api" "file" "api.js" "args" list "port" 3000 "secrets" list "env" dict "resources" dict
"grace" 70 "restart" "Always" "temporal" true). `port` 0: it serves nothing. `temporal` false: its controller sets TEMPORAL_*.
*/}}
{{- define "processor-link.pod" -}}
{{- $root := .root }}
metadata:
  labels:
    {{- include "processor-link.labels" (dict "root" $root "part" .part) | nindent 4 }}
    {{- with $root.Values.extraLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if .port }}
  annotations:
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ .port | quote }}
  {{- end }}
spec:
  serviceAccountName: {{ include "processor-link.name" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  restartPolicy: {{ .restart | default "Always" }}
  terminationGracePeriodSeconds: {{ .grace | default 70 }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    seccompProfile:
      type: RuntimeDefault
  {{- if .port }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "processor-link.selector" (dict "root" $root "part" .part) | nindent 10 }}
  {{- end }}
  containers:
    - name: {{ .part }}
      image: {{ include "processor-link.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [node, --enable-source-maps, dist/src/commands/{{ .file }}]
      {{- with .args }}
      args: {{ toJson . }}
      {{- end }}
      env:
        {{- $env := merge (dict) (.env | default dict) $root.Values.settings }}
        {{- if ne (toString .temporal) "false" }}
        {{- $_ := set $env "TEMPORAL_ADDRESS" (required "temporal.address is required: host and port of Temporal's frontend" $root.Values.temporal.address) }}
        {{- $_ := set $env "TEMPORAL_NAMESPACE" $root.Values.temporal.namespace }}
        {{- end }}
        {{- $_ := set $env "TEMPORAL_TASK_QUEUE" $root.Values.temporal.taskQueue }}
        {{- range $name, $value := $env }}
        - name: {{ $name }}
          value: {{ $value | toString | quote }}
        {{- end }}
        {{- range .secrets }}
        - name: {{ . }}_FILE
          value: /etc/processor-link/{{ . }}
        {{- end }}
      {{- if .port }}
      ports:
        - name: http
          containerPort: {{ .port }}
      startupProbe:
        httpGet: { path: /livez, port: http }
        periodSeconds: 2
        failureThreshold: 30
      livenessProbe:
        httpGet: { path: /livez, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
      readinessProbe:
        httpGet: { path: /readyz, port: http }
        periodSeconds: 5
        timeoutSeconds: 6
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      {{- with .resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: secrets
          mountPath: /etc/processor-link
          readOnly: true
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: secrets
      secret:
        secretName: {{ required "existingSecret is required: the name of the Secret with the secret settings" $root.Values.existingSecret }}
        defaultMode: 0440
        items:
          {{- range .secrets }}
          - key: {{ . }}
            path: {{ . }}
          {{- end }}
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
{{- end }}

{{- define "processor-link.api-env" -}}
{{- $env := merge (dict "PUBLIC_URL" (required "api.publicUrl is required: the https address under which Plaid and Atomic reach the API" .Values.api.publicUrl)) .Values.api.settings }}
{{- toJson $env }}
{{- end }}

{{/* The worker's pod, in its Deployment or in the controller's. */}}
{{- define "processor-link.worker-pod" -}}
{{- include "processor-link.pod" (dict "root" . "part" "worker" "file" "worker.js" "port" 3001 "secrets" .Values.worker.secrets "env" .Values.worker.settings "resources" .Values.worker.resources "grace" 70 "temporal" (not .Values.worker.controller.enabled)) }}
{{- end }}

{{/* A disruption budget: (dict "root" $ "part" "api"). */}}
{{- define "processor-link.disruption-budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "processor-link.name" .root }}-{{ .part }}
  labels:
    {{- include "processor-link.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  # A pod that is unready, because Temporal is away or a provider refuses its keys, is in the way of no drained node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "processor-link.selector" . | nindent 6 }}
{{- end }}

{{/* Scaling by CPU: (dict "root" $ "part" "api" "autoscaling" dict). */}}
{{- define "processor-link.cpu-scaling" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "processor-link.name" .root }}-{{ .part }}
  labels:
    {{- include "processor-link.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "processor-link.name" .root }}-{{ .part }}
  minReplicas: {{ .autoscaling.minReplicas }}
  maxReplicas: {{ .autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ .autoscaling.targetCPUUtilizationPercentage }}
{{- end }}
