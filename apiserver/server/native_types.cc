#include "apiserver/server/native_types.h"

namespace sluice::apiserver::server {

// Grammar: see native_schema.cc. s string, i int32, l int64, b bool, n number, q quantity, x
// int-or-string, t time, y bytes, * anything, {T} map, [T] list, Name another type. After a list:
// /key,key for lists merged by key, /= for sets, %key for lists that only strategic merge joins.
// Suffixes: ! atomic, ? pointer, ^ always written.

const std::string_view kCoreTypes = R"(
ObjectMeta: name=s generateName=s namespace=s selfLink=s uid=s resourceVersion=s generation=l creationTimestamp=t deletionTimestamp=t deletionGracePeriodSeconds=l? labels={s} annotations={s} ownerReferences=[OwnerReference]/uid finalizers=[s]/= clusterName=s managedFields=[*]
TemplateMeta: name=s generateName=s namespace=s selfLink=s uid=s resourceVersion=s generation=l creationTimestamp=t^ deletionTimestamp=t deletionGracePeriodSeconds=l? labels={s} annotations={s} ownerReferences=[OwnerReference]/uid finalizers=[s]/= clusterName=s managedFields=[*]
OwnerReference!: apiVersion=s^ kind=s^ name=s^ uid=s^ controller=b? blockOwnerDeletion=b?
LabelSelector!: matchLabels={s} matchExpressions=[SelectorRequirement]
SelectorRequirement: key=s^ operator=s^ values=[s]
LocalRef!: name=s
ObjectReference!: kind=s namespace=s name=s uid=s apiVersion=s resourceVersion=s fieldPath=s
Condition: type=s^ status=s^ observedGeneration=l lastTransitionTime=t^ reason=s^ message=s^
WorkCondition: type=s^ status=s^ lastUpdateTime=t lastProbeTime=t lastTransitionTime=t reason=s message=s
Namespace: spec=NamespaceSpec^ status=NamespaceStatus^
NamespaceSpec: finalizers=[s]
NamespaceStatus: phase=s conditions=[WorkCondition]/type
Node: spec=NodeSpec^ status=NodeStatus^
NodeSpec: podCIDR=s podCIDRs=[s]/= providerID=s unschedulable=b taints=[Taint] externalID=s configSource=*
Taint: key=s^ value=s effect=s^ timeAdded=t
NodeStatus: capacity={q} allocatable={q} phase=s conditions=[NodeCondition]/type addresses=[NodeAddress]/type daemonEndpoints=* nodeInfo=* images=[*] volumesInUse=[s] volumesAttached=[*] config=* runtimeHandlers=[*] features=*
NodeCondition: type=s^ status=s^ lastHeartbeatTime=t lastTransitionTime=t reason=s message=s
NodeAddress: type=s^ address=s^
Service: spec=ServiceSpec^ status=ServiceStatus^
ServiceSpec: ports=[ServicePort]/port,protocol selector={s}! clusterIP=s clusterIPs=[s] type=s externalIPs=[s] sessionAffinity=s loadBalancerIP=s loadBalancerSourceRanges=[s] externalName=s externalTrafficPolicy=s healthCheckNodePort=i publishNotReadyAddresses=b sessionAffinityConfig=* ipFamilies=[s] ipFamilyPolicy=s? topologyKeys=[s] allocateLoadBalancerNodePorts=b? loadBalancerClass=s? internalTrafficPolicy=s? trafficDistribution=s?
ServicePort: name=s protocol=s appProtocol=s? port=i^ targetPort=x nodePort=i
ServiceStatus: loadBalancer=LoadBalancerStatus^ conditions=[Condition]/type
LoadBalancerStatus: ingress=[*]
Endpoints: subsets=[EndpointSubset]
EndpointSubset: addresses=[EndpointAddress] notReadyAddresses=[EndpointAddress] ports=[EndpointPort]
EndpointAddress: ip=s^ hostname=s nodeName=s? targetRef=ObjectReference
EndpointPort: name=s port=i^ protocol=s appProtocol=s?
Secret: immutable=b? data={y} stringData={s} type=s
ConfigMap: immutable=b? data={s} binaryData={y}
ServiceAccount: secrets=[ObjectReference]/name imagePullSecrets=[LocalRef]%name automountServiceAccountToken=b?
LimitRange: spec=*
Event: involvedObject=ObjectReference^ reason=s message=s source=EventSource^ firstTimestamp=t^ lastTimestamp=t^ count=i type=s eventTime=t^ series=EventSeries action=s related=ObjectReference reportingComponent=s^ reportingInstance=s^
EventSource: component=s host=s
EventSeries: count=i lastObservedTime=t
)";

const std::string_view kPodTypes = R"(
Pod: spec=PodSpec^ status=PodStatus^
PodTemplateSpec: metadata=TemplateMeta^ spec=PodSpec^
PodSpec: volumes=[Volume]/name initContainers=[Container]/name containers=[Container]/name ephemeralContainers=[Container]/name restartPolicy=s terminationGracePeriodSeconds=l? activeDeadlineSeconds=l? dnsPolicy=s nodeSelector={s}! serviceAccountName=s serviceAccount=s automountServiceAccountToken=b? nodeName=s hostNetwork=b hostPID=b hostIPC=b shareProcessNamespace=b? securityContext=PodSecurityContext imagePullSecrets=[LocalRef]/name hostname=s subdomain=s affinity=Affinity schedulerName=s tolerations=[Toleration] hostAliases=[HostAlias]/ip priorityClassName=s priority=i? dnsConfig=PodDnsConfig readinessGates=[ReadinessGate] runtimeClassName=s? enableServiceLinks=b? preemptionPolicy=s? overhead={q} topologySpreadConstraints=[SpreadConstraint]/topologyKey,whenUnsatisfiable setHostnameAsFQDN=b? os=* hostUsers=b? schedulingGates=[SchedulingGate]/name resourceClaims=[PodResourceClaim]/name resources=Resources
SchedulingGate: name=s^
PodResourceClaim: name=s^ resourceClaimName=s? resourceClaimTemplateName=s?
Container: name=s^ image=s command=[s] args=[s] workingDir=s ports=[ContainerPort]/containerPort,protocol envFrom=[EnvFrom] env=[EnvVar]/name resources=Resources^ resizePolicy=[*] restartPolicy=s? volumeMounts=[VolumeMount]/mountPath volumeDevices=[VolumeDevice]/devicePath livenessProbe=Probe readinessProbe=Probe startupProbe=Probe lifecycle=Lifecycle terminationMessagePath=s terminationMessagePolicy=s imagePullPolicy=s securityContext=SecurityContext stdin=b stdinOnce=b tty=b targetContainerName=s
ContainerPort: name=s hostPort=i containerPort=i^ protocol=s hostIP=s
EnvFrom: prefix=s configMapRef=RefOptional secretRef=RefOptional
RefOptional: name=s optional=b?
EnvVar: name=s^ value=s valueFrom=EnvSource
EnvSource: fieldRef=FieldRef resourceFieldRef=ResourceFieldRef configMapKeyRef=KeyRef secretKeyRef=KeyRef
FieldRef!: apiVersion=s fieldPath=s^
ResourceFieldRef!: containerName=s resource=s^ divisor=q
KeyRef!: name=s key=s^ optional=b?
Resources: limits={q} requests={q} claims=[*]
VolumeMount: name=s^ readOnly=b recursiveReadOnly=s? mountPath=s^ subPath=s mountPropagation=s? subPathExpr=s
VolumeDevice: name=s^ devicePath=s^
Probe: exec=ExecAction httpGet=HttpGet tcpSocket=TcpSocket grpc=GrpcAction initialDelaySeconds=i timeoutSeconds=i periodSeconds=i successThreshold=i failureThreshold=i terminationGracePeriodSeconds=l?
ExecAction: command=[s]
HttpGet: path=s port=x host=s scheme=s httpHeaders=[HttpHeader]
HttpHeader: name=s^ value=s^
TcpSocket: port=x host=s
GrpcAction: port=i^ service=s?
Lifecycle: postStart=Handler preStop=Handler stopSignal=s?
Handler: exec=ExecAction httpGet=HttpGet tcpSocket=TcpSocket sleep=*
SecurityContext: capabilities=Capabilities privileged=b? seLinuxOptions=* windowsOptions=* runAsUser=l? runAsGroup=l? runAsNonRoot=b? readOnlyRootFilesystem=b? allowPrivilegeEscalation=b? procMount=s? seccompProfile=* appArmorProfile=*
Capabilities: add=[s] drop=[s]
PodSecurityContext: seLinuxOptions=* windowsOptions=* runAsUser=l? runAsGroup=l? runAsNonRoot=b? supplementalGroups=[l] fsGroup=l? sysctls=[*] fsGroupChangePolicy=s? seccompProfile=* appArmorProfile=* supplementalGroupsPolicy=s?
Toleration: key=s operator=s value=s effect=s tolerationSeconds=l?
HostAlias: ip=s^ hostnames=[s]
PodDnsConfig: nameservers=[s] searches=[s] options=[*]
ReadinessGate: conditionType=s^
SpreadConstraint: maxSkew=i^ topologyKey=s^ whenUnsatisfiable=s^ labelSelector=LabelSelector minDomains=i? nodeAffinityPolicy=s? nodeTaintsPolicy=s? matchLabelKeys=[s]
Affinity: nodeAffinity=NodeAffinity podAffinity=PodAffinity podAntiAffinity=PodAffinity
NodeAffinity: requiredDuringSchedulingIgnoredDuringExecution=* preferredDuringSchedulingIgnoredDuringExecution=[*]
PodAffinity: requiredDuringSchedulingIgnoredDuringExecution=[PodAffinityTerm] preferredDuringSchedulingIgnoredDuringExecution=[WeightedPodAffinityTerm]
PodAffinityTerm: labelSelector=LabelSelector namespaces=[s] topologyKey=s^ namespaceSelector=LabelSelector matchLabelKeys=[s] mismatchLabelKeys=[s]
WeightedPodAffinityTerm: weight=i^ podAffinityTerm=PodAffinityTerm^
Volume: name=s^ hostPath=HostPath emptyDir=EmptyDir gcePersistentDisk=* awsElasticBlockStore=* gitRepo=* secret=SecretVolume nfs=* iscsi=* glusterfs=* persistentVolumeClaim=ClaimVolume rbd=* flexVolume=* cinder=* cephfs=* flocker=* downwardAPI=DownwardVolume fc=* azureFile=* configMap=ConfigMapVolume vsphereVolume=* quobyte=* azureDisk=* photonPersistentDisk=* projected=ProjectedVolume portworxVolume=* scaleIO=* storageos=* csi=* ephemeral=* image=*
HostPath: path=s^ type=s?
EmptyDir: medium=s sizeLimit=q
SecretVolume: secretName=s items=[KeyToPath] defaultMode=i? optional=b?
KeyToPath: key=s^ path=s^ mode=i?
ClaimVolume: claimName=s^ readOnly=b
DownwardVolume: items=[*] defaultMode=i?
ConfigMapVolume: name=s items=[KeyToPath] defaultMode=i? optional=b?
ProjectedVolume: sources=[*] defaultMode=i?
PodStatus: phase=s conditions=[PodCondition]/type message=s reason=s nominatedNodeName=s hostIP=s hostIPs=[*]%ip podIP=s podIPs=[PodIP]/ip startTime=t initContainerStatuses=[ContainerStatus] containerStatuses=[ContainerStatus] qosClass=s ephemeralContainerStatuses=[ContainerStatus] resize=s resourceClaimStatuses=[*] observedGeneration=l
PodIP: ip=s
PodCondition: type=s^ status=s^ lastProbeTime=t^ lastTransitionTime=t^ reason=s message=s observedGeneration=l
ContainerStatus: name=s^ state=ContainerState^ lastState=ContainerState^ ready=b^ restartCount=i^ image=s^ imageID=s^ containerID=s started=b? allocatedResources=* resources=* volumeMounts=[*] user=* allocatedResourcesStatus=[*]
ContainerState: waiting=StateWaiting running=StateRunning terminated=StateTerminated
StateWaiting: reason=s message=s
StateRunning: startedAt=t^
StateTerminated: exitCode=i^ signal=i reason=s message=s startedAt=t^ finishedAt=t^ containerID=s
)";

const std::string_view kGroupTypes = R"(
Deployment: spec=DeploymentSpec^ status=DeploymentStatus^
DeploymentSpec: replicas=i? selector=LabelSelector template=PodTemplateSpec^ strategy=DeploymentStrategy^ minReadySeconds=i revisionHistoryLimit=i? paused=b progressDeadlineSeconds=i?
DeploymentStrategy: type=s rollingUpdate=RollingUpdate
RollingUpdate: maxUnavailable=x maxSurge=x partition=i?
DeploymentStatus: observedGeneration=l replicas=i updatedReplicas=i readyReplicas=i availableReplicas=i unavailableReplicas=i terminatingReplicas=i? conditions=[WorkCondition]/type collisionCount=i?
ReplicaSet: spec=ReplicaSetSpec^ status=ReplicaSetStatus^
ReplicaSetSpec: replicas=i? minReadySeconds=i selector=LabelSelector template=PodTemplateSpec^
ReplicaSetStatus: replicas=i^ fullyLabeledReplicas=i readyReplicas=i availableReplicas=i terminatingReplicas=i? observedGeneration=l conditions=[WorkCondition]/type
StatefulSet: spec=StatefulSetSpec^ status=StatefulSetStatus^
StatefulSetSpec: replicas=i? selector=LabelSelector template=PodTemplateSpec^ volumeClaimTemplates=[*] serviceName=s^ podManagementPolicy=s updateStrategy=DeploymentStrategy^ revisionHistoryLimit=i? minReadySeconds=i persistentVolumeClaimRetentionPolicy=* ordinals=*
StatefulSetStatus: observedGeneration=l replicas=i^ readyReplicas=i currentReplicas=i updatedReplicas=i currentRevision=s updateRevision=s collisionCount=i? conditions=[WorkCondition]/type availableReplicas=i
DaemonSet: spec=DaemonSetSpec^ status=DaemonSetStatus^
DaemonSetSpec: selector=LabelSelector template=PodTemplateSpec^ updateStrategy=DeploymentStrategy^ minReadySeconds=i revisionHistoryLimit=i?
DaemonSetStatus: currentNumberScheduled=i^ numberMisscheduled=i^ desiredNumberScheduled=i^ numberReady=i^ observedGeneration=l updatedNumberScheduled=i numberAvailable=i numberUnavailable=i collisionCount=i? conditions=[WorkCondition]/type
ControllerRevision: data=* revision=l^
Job: spec=JobSpec^ status=JobStatus^
JobSpec: parallelism=i? completions=i? activeDeadlineSeconds=l? podFailurePolicy=* successPolicy=* backoffLimit=i? backoffLimitPerIndex=i? maxFailedIndexes=i? selector=LabelSelector manualSelector=b? template=PodTemplateSpec^ ttlSecondsAfterFinished=i? completionMode=s? suspend=b? podReplacementPolicy=s? managedBy=s?
JobStatus: conditions=[WorkCondition]/type startTime=t completionTime=t active=i succeeded=i failed=i terminating=i? completedIndexes=s failedIndexes=s? uncountedTerminatedPods=* ready=i?
CronJob: spec=CronJobSpec^ status=CronJobStatus^
CronJobSpec: schedule=s^ timeZone=s? startingDeadlineSeconds=l? concurrencyPolicy=s suspend=b? jobTemplate=JobTemplate^ successfulJobsHistoryLimit=i? failedJobsHistoryLimit=i?
JobTemplate: metadata=TemplateMeta^ spec=JobSpec^
CronJobStatus: active=[ObjectReference] lastScheduleTime=t lastSuccessfulTime=t
Ingress: spec=IngressSpec^ status=IngressStatus^
IngressSpec: ingressClassName=s? defaultBackend=IngressBackend tls=[IngressTls] rules=[IngressRule]
IngressBackend: service=IngressService resource=*
IngressService: name=s^ port=ServiceBackendPort
ServiceBackendPort!: name=s number=i
IngressTls: hosts=[s] secretName=s
IngressRule: host=s http=IngressHttp
IngressHttp: paths=[IngressPath]
IngressPath: path=s pathType=s? backend=IngressBackend^
IngressStatus: loadBalancer=LoadBalancerStatus^
IngressClass: spec=IngressClassSpec^
IngressClassSpec: controller=s parameters=*
NetworkPolicy: spec=*
EndpointSlice: addressType=s^ endpoints=[Endpoint] ports=[EndpointSlicePort]
Endpoint: addresses=[s]/= conditions=EndpointConditions^ hostname=s? targetRef=ObjectReference deprecatedTopology={s} topology={s} nodeName=s? zone=s? hints=*
EndpointConditions: ready=b? serving=b? terminating=b?
EndpointSlicePort: name=s? protocol=s? port=i? appProtocol=s?
PodDisruptionBudget: spec=PdbSpec^ status=PdbStatus^
PdbSpec: minAvailable=x selector=LabelSelector maxUnavailable=x unhealthyPodEvictionPolicy=s?
PdbStatus: observedGeneration=l disruptedPods={t} disruptionsAllowed=i^ currentHealthy=i^ desiredHealthy=i^ expectedPods=i^ conditions=[Condition]/type
HorizontalPodAutoscaler: spec=HpaSpec^ status=HpaStatus^
HpaSpec: scaleTargetRef=ScaleTargetRef^ minReplicas=i? maxReplicas=i^ targetCPUUtilizationPercentage=i? metrics=[*] behavior=*
ScaleTargetRef!: kind=s^ name=s^ apiVersion=s
HpaStatus: observedGeneration=l? lastScaleTime=t currentReplicas=i desiredReplicas=i^ currentCPUUtilizationPercentage=i? currentMetrics=[*] conditions=[WorkCondition]/type
Role: rules=[PolicyRule]
ClusterRole: rules=[PolicyRule] aggregationRule=*
PolicyRule: verbs=[s] apiGroups=[s] resources=[s] resourceNames=[s] nonResourceURLs=[s]
RoleBinding: subjects=[RbacSubject] roleRef=RoleRef^
ClusterRoleBinding: subjects=[RbacSubject] roleRef=RoleRef^
RbacSubject: kind=s^ apiGroup=s name=s^ namespace=s
RoleRef!: apiGroup=s^ kind=s^ name=s^
Lease: spec=LeaseSpec^
LeaseSpec: holderIdentity=s? leaseDurationSeconds=i? acquireTime=t renewTime=t leaseTransitions=i? strategy=s? preferredHolder=s?
CustomResourceDefinition: spec=CrdSpec^ status=CrdStatus
CrdSpec: group=s^ names=CrdNames^ scope=s^ versions=[*]! conversion=* preserveUnknownFields=b
CrdNames: plural=s^ singular=s shortNames=[s] kind=s^ listKind=s categories=[s]
CrdStatus: conditions=[WorkCondition]/type acceptedNames=CrdNames storedVersions=[s] observedGeneration=l
Scale: spec=ScaleSpec^ status=ScaleStatus^
ScaleSpec: replicas=i
ScaleStatus: replicas=i^ selector=s
)";

}  // namespace sluice::apiserver::server
