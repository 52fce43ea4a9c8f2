#pragma once
// Objects as a kube-apiserver 1.20.2 gave them out, once as JSON and once as protobuf.

namespace sluice::apiserver::testing_support {

struct ProtobufSample {
  const char *json, *protobuf;  // the latter in base64
};

inline constexpr ProtobufSample kProtobufSamples[] = {
    // Deployment
    {R"({"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"pb","namespace":"defa)"
     R"(ult","uid":"363f139c-da40-4d54-b069-88c813afa2e5","resourceVersion":"237","generation)"
     R"(":1,"creationTimestamp":"2026-11-21T18:46:30Z","labels":{"app":"pb"},"annotations":{")"
     R"(note":"a b"},"finalizers":["example.com/x"]},"spec":{"replicas":0,"selector":{"matchL)"
     R"(abels":{"app":"pb"},"matchExpressions":[{"key":"tier","operator":"In","values":["a",")"
     R"(b"]}]},"template":{"metadata":{"creationTimestamp":null,"labels":{"app":"pb","tier":")"
     R"(a"}},"spec":{"volumes":[{"name":"c","configMap":{"name":"settings","items":[{"key":"a)"
     R"(","path":"b"}],"defaultMode":256}},{"name":"e","emptyDir":{"sizeLimit":"1Gi"}},{"name)"
     R"(":"p","projected":{"sources":[{"secret":{"name":"s"}},{"downwardAPI":{"items":[{"path)"
     R"(":"l","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.labels"}}]}}],"defaultMode")"
     R"(:420}},{"name":"claim","persistentVolumeClaim":{"claimName":"data"}}],"initContainers)"
     R"(":[{"name":"init","image":"busybox:1","command":["sh","-c","exit 0"],"resources":{},")"
     R"(terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","ima)"
     R"(gePullPolicy":"IfNotPresent"}],"containers":[{"name":"web","image":"example/web:1","a)"
     R"(rgs":["--x",""],"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],"envF)"
     R"(rom":[{"prefix":"P_","configMapRef":{"name":"settings"}}],"env":[{"name":"A","value":)"
     R"("1"},{"name":"EMPTY"},{"name":"POD","valueFrom":{"fieldRef":{"apiVersion":"v1","field)"
     R"(Path":"metadata.name"}}},{"name":"S","valueFrom":{"secretKeyRef":{"name":"s","key":"k)"
     R"(","optional":true}}}],"resources":{"limits":{"memory":"1Gi"},"requests":{"cpu":"100m")"
     R"(,"memory":"64Mi"}},"volumeMounts":[{"name":"c","readOnly":true,"mountPath":"/etc/c"}])"
     R"(,"livenessProbe":{"tcpSocket":{"port":8080},"initialDelaySeconds":5,"timeoutSeconds":)"
     R"(1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3},"readinessProbe":{"ht)"
     R"(tpGet":{"path":"/ready","port":"http","scheme":"HTTP","httpHeaders":[{"name":"H","val)"
     R"(ue":"v"}]},"timeoutSeconds":1,"periodSeconds":3,"successThreshold":1,"failureThreshol)"
     R"(d":3},"startupProbe":{"exec":{"command":["true"]},"timeoutSeconds":1,"periodSeconds":)"
     R"(10,"successThreshold":1,"failureThreshold":3},"lifecycle":{"preStop":{"exec":{"comman)"
     R"(d":["sleep","5"]}}},"terminationMessagePath":"/dev/termination-log","terminationMessa)"
     R"(gePolicy":"File","imagePullPolicy":"IfNotPresent","securityContext":{"capabilities":{)"
     R"("drop":["ALL"]},"allowPrivilegeEscalation":false}}],"restartPolicy":"Always","termina)"
     R"(tionGracePeriodSeconds":7,"dnsPolicy":"ClusterFirst","nodeSelector":{"disk":"ssd"},"s)"
     R"(ecurityContext":{"runAsUser":1000,"runAsNonRoot":true,"supplementalGroups":[5,6],"sec)"
     R"(compProfile":{"type":"RuntimeDefault"}},"imagePullSecrets":[{"name":"pull"}],"affinit)"
     R"(y":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTe)"
     R"(rms":[{"matchExpressions":[{"key":"a","operator":"Gt","values":["3"]}]}]}},"podAntiAf)"
     R"(finity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":50,"podAffinity)"
     R"(Term":{"labelSelector":{"matchLabels":{"app":"pb"}},"topologyKey":"zone"}}]}},"schedu)"
     R"(lerName":"default-scheduler","tolerations":[{"key":"k","operator":"Exists","effect":")"
     R"(NoExecute","tolerationSeconds":60}],"hostAliases":[{"ip":"127.0.0.1","hostnames":["a")"
     R"(,"b"]}],"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfi)"
     R"(able":"DoNotSchedule","labelSelector":{"matchLabels":{"app":"pb"}}}]}},"strategy":{"t)"
     R"(ype":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":"25%"}},"minReady)"
     R"(Seconds":3,"revisionHistoryLimit":10,"paused":true,"progressDeadlineSeconds":600},"st)"
     R"(atus":{}})",
     "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EuYICnEKAnBiEgAaB2RlZmF1bHQiACokMzYzZjEzOWMtZGE0MC00"
     "ZDU0LWIwNjktODhjODEzYWZhMmU1MgMyMzc4AUIICIbOh9gGEABaCQoDYXBwEgJwYmILCgRub3RlEgNhIGJyDWV4"
     "YW1wbGUuY29tL3h6ABLiBwgAEh0KCQoDYXBwEgJwYhIQCgR0aWVyEgJJbhoBYRoBYhqPBwooCgASABoAIgAqADIA"
     "OABCAFoJCgNhcHASAnBiWgkKBHRpZXISAWF6ABLiBgofCgFjEhqaARcKCgoIc2V0dGluZ3MSBgoBYRIBYhiAAgoQ"
     "CgFlEgsSCQoAEgUKAzFHaQo0CgFwEi/SASwKBwoFCgMKAXMKHhIcChoKAWwSFQoCdjESD21ldGFkYXRhLmxhYmVs"
     "cxCkAwoTCgVjbGFpbRIKUggKBGRhdGEQABKKAwoDd2ViEg1leGFtcGxlL3dlYjoxIgMtLXgiACoAMhIKBGh0dHAQ"
     "ABiQPyIDVENQKgA6BgoBQRIBMToJCgVFTVBUWRIAOh4KA1BPRBIAGhUKEwoCdjESDW1ldGFkYXRhLm5hbWU6EwoB"
     "UxIAGgwiCgoDCgFzEgFrGAFCMgoPCgZtZW1vcnkSBQoDMUdpEg0KA2NwdRIGCgQxMDBtEhAKBm1lbW9yeRIGCgQ2"
     "NE1pShEKAWMQARoGL2V0Yy9jIgAyAFIZCg0aCwoHCAAQkD8aABIAEAUYASAKKAEwA1oyCiYSJAoGL3JlYWR5EgoI"
     "ARAAGgRodHRwGgAiBEhUVFAqBgoBSBIBdhAAGAEgAygBMANiDhIMCgoKBXNsZWVwCgE1ahQvZGV2L3Rlcm1pbmF0"
     "aW9uLWxvZ3IMSWZOb3RQcmVzZW50egkKBRIDQUxMOACAAQCIAQCQAQCaARIKAlBfEgwKCgoIc2V0dGluZ3OiAQRG"
     "aWxlsgEUCggKBgoEdHJ1ZRAAGAEgCigBMAMaBkFsd2F5cyAHMgxDbHVzdGVyRmlyc3Q6CwoEZGlzaxIDc3NkQgBK"
     "AFIAWABgAGgAchsQ6AcYASAFIAZSEAoOUnVudGltZURlZmF1bHR6BgoEcHVsbIIBAIoBAJIBLQoQCg4KDAoKCgFh"
     "EgJHdBoBMxoZEhcIMhITCgsKCQoDYXBwEgJwYhoEem9uZZoBEWRlZmF1bHQtc2NoZWR1bGVyogFZCgRpbml0Egli"
     "dXN5Ym94OjEaAnNoGgItYxoGZXhpdCAwKgBCAGoUL2Rldi90ZXJtaW5hdGlvbi1sb2dyDElmTm90UHJlc2VudIAB"
     "AIgBAJABAKIBBEZpbGWyARoKAWsSBkV4aXN0cxoAIglOb0V4ZWN1dGUoPLoBEQoJMTI3LjAuMC4xEgFhEgFiwgEA"
     "igIkCAESBHpvbmUaDURvTm90U2NoZWR1bGUiCwoJCgNhcHASAnBiIiQKDVJvbGxpbmdVcGRhdGUSEwoGCAAQARoA"
     "EgkIARAAGgMyNSUoAzAKOAFI2AQaDAgAEAAYACAAKAA4ABoAIgA="},
    // Service
    {R"({"kind":"Service","apiVersion":"v1","metadata":{"name":"pb","namespace":"default","ui)"
     R"(d":"f03625e7-d87b-4ca6-a7d4-b7098efc23a8","resourceVersion":"238","creationTimestamp")"
     R"(:"2026-11-21T18:46:30Z"},"spec":{"ports":[{"name":"http","protocol":"TCP","port":80,")"
     R"(targetPort":"http"},{"name":"m","protocol":"UDP","port":90,"targetPort":9090}],"selec)"
     R"(tor":{"app":"pb"},"clusterIP":"10.96.63.221","clusterIPs":["10.96.63.221"],"type":"Cl)"
     R"(usterIP","sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSe)"
     R"(conds":10800}}},"status":{"loadBalancer":{}}})",
     "azhzAAoNCgJ2MRIHU2VydmljZRLVAQpKCgJwYhIAGgdkZWZhdWx0IgAqJGYwMzYyNWU3LWQ4N2ItNGNhNi1hN2Q0"
     "LWI3MDk4ZWZjMjNhODIDMjM4OABCCAiGzofYBhAAegASggEKGwoEaHR0cBIDVENQGFAiCggBEAAaBGh0dHAoAAoV"
     "CgFtEgNVRFAYWiIHCAAQgkcaACgAEgkKA2FwcBICcGIaDDEwLjk2LjYzLjIyMSIJQ2x1c3RlcklQOghDbGllbnRJ"
     "UEIAUgBaAGAAaAByBQoDCLBUkgEMMTAuOTYuNjMuMjIxGgIKABoAIgA="},
    // Job
    {R"({"kind":"Job","apiVersion":"batch/v1","metadata":{"name":"pb","namespace":"default",")"
     R"(uid":"dd9115c2-09ef-400f-a975-f824d450d822","resourceVersion":"239","creationTimestam)"
     R"(p":"2026-11-21T18:46:30Z","labels":{"controller-uid":"dd9115c2-09ef-400f-a975-f824d45)"
     R"(0d822","job-name":"pb"}},"spec":{"parallelism":1,"completions":1,"activeDeadlineSecon)"
     R"(ds":9,"backoffLimit":0,"selector":{"matchLabels":{"controller-uid":"dd9115c2-09ef-400)"
     R"(f-a975-f824d450d822"}},"template":{"metadata":{"creationTimestamp":null,"labels":{"co)"
     R"(ntroller-uid":"dd9115c2-09ef-400f-a975-f824d450d822","job-name":"pb"}},"spec":{"conta)"
     R"(iners":[{"name":"a","image":"b","resources":{},"terminationMessagePath":"/dev/termina)"
     R"(tion-log","terminationMessagePolicy":"File","imagePullPolicy":"Always"}],"restartPoli)"
     R"(cy":"Never","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","securityCo)"
     R"(ntext":{},"schedulerName":"default-scheduler"}}},"status":{}})",
     "azhzAAoPCghiYXRjaC92MRIDSm9iEr8DCpIBCgJwYhIAGgdkZWZhdWx0IgAqJGRkOTExNWMyLTA5ZWYtNDAwZi1h"
     "OTc1LWY4MjRkNDUwZDgyMjIDMjM5OABCCAiGzofYBhAAWjYKDmNvbnRyb2xsZXItdWlkEiRkZDkxMTVjMi0wOWVm"
     "LTQwMGYtYTk3NS1mODI0ZDQ1MGQ4MjJaDgoIam9iLW5hbWUSAnBiegASnwIIARABGAkiOAo2Cg5jb250cm9sbGVy"
     "LXVpZBIkZGQ5MTE1YzItMDllZi00MDBmLWE5NzUtZjgyNGQ0NTBkODIyMtoBCloKABIAGgAiACoAMgA4AEIAWjYK"
     "DmNvbnRyb2xsZXItdWlkEiRkZDkxMTVjMi0wOWVmLTQwMGYtYTk3NS1mODI0ZDQ1MGQ4MjJaDgoIam9iLW5hbWUS"
     "AnBiegASfBI4CgFhEgFiKgBCAGoUL2Rldi90ZXJtaW5hdGlvbi1sb2dyBkFsd2F5c4ABAIgBAJABAKIBBEZpbGUa"
     "BU5ldmVyIB4yDENsdXN0ZXJGaXJzdEIASgBSAFgAYABoAHIAggEAigEAmgERZGVmYXVsdC1zY2hlZHVsZXLCAQA4"
     "ABoGIAAoADAAGgAiAA=="},
    // Ingress
    {R"({"kind":"Ingress","apiVersion":"networking.k8s.io/v1","metadata":{"name":"pb","namesp)"
     R"(ace":"default","uid":"ce756306-41b9-4f7b-b23c-7c80ca223eab","resourceVersion":"240",")"
     R"(generation":1,"creationTimestamp":"2026-11-21T18:46:30Z"},"spec":{"ingressClassName":)"
     R"("nginx","defaultBackend":{"service":{"name":"d","port":{"name":"http"}}},"tls":[{"hos)"
     R"(ts":["a.example.com"],"secretName":"t"}],"rules":[{"host":"a.example.com","http":{"pa)"
     R"(ths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"pb","port":{"numb)"
     R"(er":80}}}}]}}]},"status":{"loadBalancer":{}}})",
     "azhzAAofChRuZXR3b3JraW5nLms4cy5pby92MRIHSW5ncmVzcxKuAQpKCgJwYhIAGgdkZWZhdWx0IgAqJGNlNzU2"
     "MzA2LTQxYjktNGY3Yi1iMjNjLTdjODBjYTIyM2VhYjIDMjQwOAFCCAiGzofYBhAAegASXAoPIg0KAWQSCAoEaHR0"
     "cBAAEhIKDWEuZXhhbXBsZS5jb20SAXQaLgoNYS5leGFtcGxlLmNvbRIdChsKGQoBLxIMIgoKAnBiEgQKABBQGgZQ"
     "cmVmaXgiBW5naW54GgIKABoAIgA="},
    // PodDisruptionBudget
    {R"({"kind":"PodDisruptionBudget","apiVersion":"policy/v1beta1","metadata":{"name":"pb",")"
     R"(namespace":"default","uid":"0f0b997c-399f-47f0-8379-e6bbda620341","resourceVersion":")"
     R"(241","generation":1,"creationTimestamp":"2026-11-21T18:46:30Z"},"spec":{"minAvailable)"
     R"(":"50%","selector":{"matchLabels":{"app":"pb"}}},"status":{"disruptionsAllowed":0,"cu)"
     R"(rrentHealthy":0,"desiredHealthy":0,"expectedPods":0}})",
     "azhzAAolCg5wb2xpY3kvdjFiZXRhMRITUG9kRGlzcnVwdGlvbkJ1ZGdldBJyCkoKAnBiEgAaB2RlZmF1bHQiACok"
     "MGYwYjk5N2MtMzk5Zi00N2YwLTgzNzktZTZiYmRhNjIwMzQxMgMyNDE4AUIICIbOh9gGEAB6ABIYCgkIARAAGgM1"
     "MCUSCwoJCgNhcHASAnBiGgoIABgAIAAoADAAGgAiAA=="},
    // ClusterRole
    {R"({"kind":"ClusterRole","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":)"
     R"("pb","uid":"4f09fb71-cd73-4748-b047-0342075c4dad","resourceVersion":"242","creationTi)"
     R"(mestamp":"2026-11-21T18:46:30Z"},"rules":[{"verbs":["get"],"apiGroups":["","apps"],"r)"
     R"(esources":["pods"],"resourceNames":["x"]},{"verbs":["*"],"nonResourceURLs":["/healthz)"
     R"("]}],"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a":"b"}}]}})",
     "azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtDbHVzdGVyUm9sZRJ4CkMKAnBiEgAaACIAKiQ0"
     "ZjA5ZmI3MS1jZDczLTQ3NDgtYjA0Ny0wMzQyMDc1YzRkYWQyAzI0MjgAQggIhs6H2AYQAHoAEhYKA2dldBIAEgRh"
     "cHBzGgRwb2RzIgF4Eg0KASoqCC9oZWFsdGh6GgoKCAoGCgFhEgFiGgAiAA=="},
    // RoleBinding
    {R"({"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":)"
     R"("pb","namespace":"default","uid":"29b2235b-82ff-4c09-8368-b168b167996f","resourceVers)"
     R"(ion":"243","creationTimestamp":"2026-11-21T18:46:30Z"},"subjects":[{"kind":"ServiceAc)"
     R"(count","name":"d","namespace":"default"},{"kind":"User","apiGroup":"rbac.authorizatio)"
     R"(n.k8s.io","name":"u"}],"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role)"
     R"(","name":"r"}})",
     "azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtSb2xlQmluZGluZxK6AQpKCgJwYhIAGgdkZWZh"
     "dWx0IgAqJDI5YjIyMzViLTgyZmYtNGMwOS04MzY4LWIxNjhiMTY3OTk2ZjIDMjQzOABCCAiGzofYBhAAegASHgoO"
     "U2VydmljZUFjY291bnQSABoBZCIHZGVmYXVsdBImCgRVc2VyEhlyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvGgF1"
     "IgAaJAoZcmJhYy5hdXRob3JpemF0aW9uLms4cy5pbxIEUm9sZRoBchoAIgA="},
    // Lease
    {R"({"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"pb","namesp)"
     R"(ace":"default","uid":"c2745947-0bfa-45b4-b4f1-852830ef3a08","resourceVersion":"244",")"
     R"(creationTimestamp":"2026-11-21T18:46:30Z"},"spec":{"holderIdentity":"me","leaseDurati)"
     R"(onSeconds":15,"renewTime":"2026-01-02T03:04:05.123456Z","leaseTransitions":0}})",
     "azhzAAofChZjb29yZGluYXRpb24uazhzLmlvL3YxEgVMZWFzZRJjCkoKAnBiEgAaB2RlZmF1bHQiACokYzI3NDU5"
     "NDctMGJmYS00NWI0LWI0ZjEtODUyODMwZWYzYTA4MgMyNDQ4AEIICIbOh9gGEAB6ABIVCgJtZRAPIgsIpevcygYQ"
     "gJTvOigAGgAiAA=="},
    // HorizontalPodAutoscaler
    {R"({"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v1","metadata":{"name":"p)"
     R"(b","namespace":"default","uid":"f40cf3a5-99db-49db-9b19-017f573cc279","resourceVersio)"
     R"(n":"245","creationTimestamp":"2026-11-21T18:46:30Z"},"spec":{"scaleTargetRef":{"kind")"
     R"(:"Deployment","name":"pb","apiVersion":"apps/v1"},"minReplicas":2,"maxReplicas":5,"ta)"
     R"(rgetCPUUtilizationPercentage":80},"status":{"currentReplicas":0,"desiredReplicas":0}})",
     "azhzAAopCg5hdXRvc2NhbGluZy92MRIXSG9yaXpvbnRhbFBvZEF1dG9zY2FsZXISdQpKCgJwYhIAGgdkZWZhdWx0"
     "IgAqJGY0MGNmM2E1LTk5ZGItNDlkYi05YjE5LTAxN2Y1NzNjYzI3OTIDMjQ1OABCCAiGzofYBhAAegASIQoZCgpE"
     "ZXBsb3ltZW50EgJwYhoHYXBwcy92MRACGAUgUBoEGAAgABoAIgA="},
    // Secret
    {R"({"kind":"Secret","apiVersion":"v1","metadata":{"name":"pb","namespace":"default","uid)"
     R"(":"4ee688f5-a97c-498a-908a-12ec651bd685","resourceVersion":"246","creationTimestamp":)"
     R"("2026-11-21T18:46:30Z","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p",)"
     R"("uid":"u-1","controller":true}]},"data":{"a":"AAEC"},"type":"Opaque"})",
     "azhzAAoMCgJ2MRIGU2VjcmV0EnMKXwoCcGISABoHZGVmYXVsdCIAKiQ0ZWU2ODhmNS1hOTdjLTQ5OGEtOTA4YS0x"
     "MmVjNjUxYmQ2ODUyAzI0NjgAQggIhs6H2AYQAGoTCgNQb2QaAXAiA3UtMSoCdjEwAXoAEggKAWESAwABAhoGT3Bh"
     "cXVlGgAiAA=="},
    // EndpointSlice
    {R"({"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1beta1","metadata":{"name":"p)"
     R"(b","namespace":"default","uid":"5831e87a-c704-4219-a4b0-a70898b851f3","resourceVersio)"
     R"(n":"247","generation":1,"creationTimestamp":"2026-11-21T18:46:30Z"},"addressType":"IP)"
     R"(v4","endpoints":[{"addresses":["10.0.0.1"],"conditions":{"ready":false},"targetRef":{)"
     R"("kind":"Pod","namespace":"default","name":"p","uid":"x"}}],"ports":[{"name":"http","p)"
     R"(rotocol":"TCP","port":8080}]})",
     "azhzAAopChhkaXNjb3ZlcnkuazhzLmlvL3YxYmV0YTESDUVuZHBvaW50U2xpY2USjgEKSgoCcGISABoHZGVmYXVs"
     "dCIAKiQ1ODMxZTg3YS1jNzA0LTQyMTktYTRiMC1hNzA4OThiODUxZjMyAzI0NzgBQggIhs6H2AYQAHoAEioKCDEw"
     "LjAuMC4xEgIIACIaCgNQb2QSB2RlZmF1bHQaAXAiAXgqADIAOgAaDgoEaHR0cBIDVENQGJA/IgRJUHY0GgAiAA=="},
};

}  // namespace sluice::apiserver::testing_support
