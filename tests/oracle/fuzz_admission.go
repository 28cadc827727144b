package main

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// good are valid objects, in which the generator breaks one or two things.
var good = []string{
	`{apiVersion: v1, kind: Service, metadata: {name: web, labels: {app: web}, annotations: {a.example.com/b: c}}, spec: {type: NodePort, selector: {app: web}, sessionAffinity: ClientIP, ports: [{name: http, port: 80, targetPort: http, nodePort: 30080, protocol: TCP}, {name: admin, port: 81, targetPort: 9090}]}}`,
	`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: LoadBalancer, selector: {app: web}, externalTrafficPolicy: Local, internalTrafficPolicy: Cluster, loadBalancerSourceRanges: [203.0.113.0/24], ports: [{port: 80}]}}`,
	`{apiVersion: v1, kind: Service, metadata: {name: db}, spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: db}, ports: [{name: pg, port: 5432}]}}`,
	`{apiVersion: v1, kind: Service, metadata: {name: ext}, spec: {type: ExternalName, externalName: db.example.com}}`,
	`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {clusterIP: 10.96.0.77, externalIPs: [192.0.2.50], trafficDistribution: PreferClose, selector: {app: web}, ports: [{port: 80, appProtocol: http}]}}`,
	`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, labels: {app: web}}, spec: {replicas: 3, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 25%}}, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "nginx:1.27", ports: [{name: http, containerPort: 80}], env: [{name: A, value: x}, {name: B, valueFrom: {fieldRef: {fieldPath: status.podIP}}}], readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5}, volumeMounts: [{name: data, mountPath: /data}]}], volumes: [{name: data, emptyDir: {}}]}}}}`,
	`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {serviceName: db, replicas: 2, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: postgres, ports: [{name: pg, containerPort: 5432}], livenessProbe: {tcpSocket: {port: 5432}}}]}}}}`,
	`{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: log}, spec: {selector: {matchLabels: {app: log}}, template: {metadata: {labels: {app: log}}, spec: {hostNetwork: true, tolerations: [{operator: Exists}], containers: [{name: log, image: fluentd, ports: [{containerPort: 24224, hostPort: 24224, protocol: UDP}]}]}}}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: one, labels: {app: web}}, spec: {nodeName: node-1, restartPolicy: Always, dnsPolicy: ClusterFirst, initContainers: [{name: init, image: busybox, command: [sh, -c, "true"]}], containers: [{name: web, image: nginx, args: [-v], ports: [{containerPort: 80}], envFrom: [{configMapRef: {name: c}}], resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: "1"}}}]}}`,
	`{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web}, spec: {ingressClassName: kubehop, tls: [{hosts: [web.example.com], secretName: tls}], rules: [{host: web.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}, {path: /api, pathType: Exact, backend: {service: {name: api, port: {name: http}}}}]}}]}}`,
	`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: db-1, labels: {kubernetes.io/service-name: db}}, addressType: IPv4, ports: [{name: pg, port: 5432, protocol: TCP}], endpoints: [{addresses: [192.168.7.7], conditions: {ready: true}, nodeName: node-1, hostname: db-0}]}`,
	`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny}, spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: api}}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 80, protocol: TCP}]}]}}`,
	`{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: "1", b.txt: hello}}`,
	`{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: nginx}, spec: {controller: k8s.io/ingress-nginx}}`,
}

// place is one value in an object, with a way to replace or remove it.
type place struct {
	path   string
	value  any
	set    func(any)
	remove func()
	rename func(string)
}

func places(path string, value any, found *[]place) {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(v) {
			at := path + "." + key
			*found = append(*found, place{at, v[key], func(x any) { v[key] = x }, func() { delete(v, key) }, func(name string) {
				v[name] = v[key]
				if name != key {
					delete(v, key)
				}
			}})
			places(at, v[key], found)
		}
	case []any:
		for i := range v {
			at := fmt.Sprintf("%s[%d]", path, i)
			*found = append(*found, place{at, v[i], func(x any) { v[i] = x }, func() { v[i] = nil }, nil})
			places(at, v[i], found)
		}
	}
}

func sortedKeys(m map[string]any) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	for i := range keys {
		for j := i + 1; j < len(keys); j++ {
			if keys[j] < keys[i] {
				keys[i], keys[j] = keys[j], keys[i]
			}
		}
	}
	return keys
}

// raw marks a scalar that is to be written without quotes.
type rawScalar struct{ text string }

func (s rawScalar) MarshalJSON() ([]byte, error) {
	return []byte(fmt.Sprintf("%q", "RAW<"+s.text+">")), nil
}

// fuzzAdmission takes a good object and hurts it in one or two ways.
func fuzzAdmission(r *random) []byte {
	var object map[string]any
	if err := yaml.Unmarshal([]byte(pick(r, good...)), &object); err != nil {
		panic(err)
	}
	for hurts := r.IntN(3); hurts > 0; hurts-- {
		var all []place
		places("", object, &all)
		p := all[r.IntN(len(all))]
		if strings.HasPrefix(p.path, ".apiVersion") || strings.HasPrefix(p.path, ".kind") {
			continue
		}
		hurt(r, p)
	}
	text, err := yaml.Marshal(object)
	if err != nil {
		panic(err)
	}
	out := string(text)
	for {
		before, rest, ok := strings.Cut(out, "RAW<")
		if !ok {
			break
		}
		inner, after, _ := strings.Cut(rest, ">")
		before = strings.TrimRight(before, `'"`)
		after = strings.TrimLeft(after, `'"`)
		out = before + inner + after
	}
	return []byte("# A generated object, hurt.\n" + out)
}

func hurt(r *random, p place) {
	switch r.IntN(9) {
	case 0:
		p.remove()
	case 1:
		if p.rename != nil {
			key := p.path[strings.LastIndex(p.path, ".")+1:]
			p.rename(pick(r, key+"s", key[:len(key)-1], strings.ToUpper(key[:1])+key[1:], strings.ToLower(key), "x"+key, key+"x"))
		}
	case 2:
		p.set(nil)
	case 3:
		p.set(pick[any](r, "", "x", "80", map[string]any{}, []any{}, []any{"a"}, map[string]any{"a": "b"}, true, 0, -1, 1.5))
	case 4, 5:
		switch p.value.(type) {
		case float64, int64, int:
			p.set(pick[any](r, 0, -1, 1, 65535, 65536, 70000, 30000, 32767, 32768, 2147483648, 99999999999))
		case string:
			p.set(pick[any](r, "Web", "web_app", "a.b", "-a", "a-", strings.Repeat("a", 16), strings.Repeat("a", 64), "1a", "a b", "a/b", "a/b/c", "10.0.0.1", "*.a.com", "80", "tcp", "Local", "None", "é", "a--b"))
		default:
			p.set(pick[any](r, nil, "x", 1, []any{}, map[string]any{}))
		}
	case 6:
		p.set(rawScalar{pick(r, "yes", "n", "on", "~", "0o17", "017", "0x1F", "1e3", "8080.0", "1_000", "+80", "12:30", "2001-01-01", "0b11", ".5", ".inf", "1.10", "null", "80 ")})
	case 7:
		if list, ok := p.value.([]any); ok && len(list) > 0 {
			p.set(append(append([]any{}, list...), list[0]))
		}
	case 8:
		if m, ok := p.value.(map[string]any); ok {
			m[pick(r, "foo", "name", "port", "nodePort", "type", "spec", "labels")] = pick[any](r, "x", 1, true)
		}
	}
}
