package main

import (
	"fmt"
	"strings"
)

// A generated cluster is written as text, in the form of the hand-picked cases.
type writer struct {
	r    *random
	docs []string
	// names that DNS queries and slices speak of; what two Services share goes to one of them by the order of a Go map, so
	// each has addresses of its own
	services []generated
	address  int
}

type generated struct {
	namespace, name, clusterIP, kind string
	ports                            []string
}

func (w *writer) add(format string, args ...any) {
	w.docs = append(w.docs, fmt.Sprintf(format, args...))
}

func (w *writer) nodes(zones bool) int {
	count := 1 + w.r.IntN(4)
	for n := 1; n <= count; n++ {
		labels := ""
		if zones && !w.r.chance(5) {
			labels = fmt.Sprintf(", labels: {topology.kubernetes.io/zone: %s}", pick(w.r, "a", "b", "c"))
		}
		w.add("apiVersion: v1\nkind: Node\nmetadata: {name: node-%d%s}\nspec: {podCIDR: 10.244.%d.0/24}\n"+
			"status: {addresses: [{type: InternalIP, address: 10.0.0.%d}], allocatable: {cpu: '4'}, conditions: [{type: Ready, status: 'True'}]}", n, labels, n, 10+n)
	}
	return count
}

func (w *writer) podIP(node int) string {
	w.address++
	return fmt.Sprintf("10.244.%d.%d", node, 1+(w.address*7)%250)
}

// service writes one Service, and remembers what others may say of it.
func (w *writer) service(index int, selector string) generated {
	r := w.r
	g := generated{
		namespace: pick(r, "default", "default", "default", "default", "prod", "prod", "kube-system", "svc", "pod"),
		name:      fmt.Sprintf("%s%d", pick(r, "web", "api-", "db", "a-b-", "1x", "10-244-1-", "svc", "a-rather-long-name-that-nobody-would-type-by-hand-"), index),
		clusterIP: fmt.Sprintf("10.96.%d.%d", 1+index/200, 20+index%200),
		kind:      pick(r, "ClusterIP", "ClusterIP", "NodePort", "LoadBalancer", "LoadBalancer", "Headless", "ExternalName"),
	}
	var spec, ports []string
	line := func(format string, args ...any) { spec = append(spec, "  "+fmt.Sprintf(format, args...)) }
	count := 1 + r.IntN(3)
	if g.kind == "Headless" && r.chance(4) || g.kind == "ExternalName" && !r.chance(3) {
		count = 0
	}
	first, used := 0, ""
	for p := 0; p < count; p++ {
		name := pick(r, "http", "https", "metrics", "p", "dns") + fmt.Sprint(p)
		if count == 1 && r.chance(3) {
			name = ""
		}
		g.ports = append(g.ports, name)
		number, protocol := 80+p*363+r.IntN(3), pick(r, "TCP", "TCP", "TCP", "UDP", "SCTP")
		if p == 1 && r.chance(4) {
			// DNS does this: one number, two protocols.
			number, protocol = first, pick(r, "UDP", "SCTP", "TCP")
			for protocol == used {
				protocol = pick(r, "UDP", "SCTP", "TCP")
			}
		}
		first, used = number, protocol
		entry := fmt.Sprintf("name: \"%s\", port: %d, protocol: %s", name, number, protocol)
		if !r.chance(3) {
			entry += ", targetPort: " + pick(r, "8080", "3000", "http", "metrics", "nope")
		}
		if g.kind == "NodePort" && !r.chance(15) || g.kind == "LoadBalancer" && !r.chance(4) {
			entry += fmt.Sprintf(", nodePort: %d", 30000+index*10+p)
		}
		ports = append(ports, "{"+entry+"}")
	}
	switch g.kind {
	case "Headless":
		line("clusterIP: None")
	case "ExternalName":
		g.clusterIP = ""
		line("type: ExternalName")
		line("externalName: %s", pick(r, "db.example.com", "web0.default.svc.cluster.local", "10.0.0.1", "x.y.", "DB.Example.com", g.name+"."+g.namespace+".svc.cluster.local", "api-1.prod.svc.cluster.local", "db2.default.svc.cluster.local"))
	default:
		line("type: %s\n  clusterIP: %s", g.kind, g.clusterIP)
	}
	if selector != "" {
		line("%s", selector)
	}
	if len(ports) > 0 {
		line("ports: [%s]", strings.Join(ports, ", "))
	}
	w.policies(g, line)
	labels, status := "", ""
	switch r.IntN(25) {
	case 0:
		labels = ", labels: {service.kubernetes.io/service-proxy-name: other}"
	case 1:
		labels = ", labels: {service.kubernetes.io/headless: \"\"}"
	case 2:
		labels = ", labels: {app: x}, annotations: {service.kubernetes.io/topology-aware-hints: disabled}"
	}
	if g.kind == "LoadBalancer" && !r.chance(4) {
		entries := []string{fmt.Sprintf("{ip: 198.51.100.%d, ipMode: %s}", 10+index, pick(r, "VIP", "VIP", "Proxy"))}
		if r.chance(4) {
			entries = append(entries, pick(r, "{hostname: lb.example.com}", fmt.Sprintf("{ip: 198.51.101.%d}", 10+index), "{ip: \"2001:db8::1\"}", fmt.Sprintf("{ip: 198.51.101.%d, hostname: lb.example.com}", 10+index), fmt.Sprintf("{ip: 10.0.1.%d, ipMode: VIP, ports: [{port: 80, protocol: TCP}]}", 10+index)))
		}
		status = "\nstatus: {loadBalancer: {ingress: [" + strings.Join(entries, ", ") + "]}}"
	}
	w.add("apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s%s}\nspec:\n%s%s", g.name, g.namespace, labels, strings.Join(spec, "\n"), status)
	w.services = append(w.services, g)
	return g
}

func (w *writer) policies(g generated, line func(string, ...any)) {
	r := w.r
	if r.chance(3) {
		line("sessionAffinity: ClientIP")
		if r.chance(2) {
			line("sessionAffinityConfig: {clientIP: {timeoutSeconds: %d}}", 1+r.IntN(86400))
		}
	}
	if r.chance(4) {
		line("internalTrafficPolicy: Local")
	}
	if r.chance(5) {
		line("trafficDistribution: %s", pick(r, "PreferClose", "PreferSameZone", "PreferSameNode"))
	}
	if r.chance(8) {
		line("publishNotReadyAddresses: true")
	}
	if r.chance(12) && g.kind == "LoadBalancer" {
		line("%s", pick(r, "loadBalancerClass: example.com/lb", "allocateLoadBalancerNodePorts: false", "loadBalancerIP: 198.51.100.200"))
	}
	if r.chance(15) {
		line("%s", pick(r, "ipFamilyPolicy: PreferDualStack", "ipFamilies: [IPv4]", "ipFamilyPolicy: SingleStack"))
	}
	if g.kind == "ExternalName" || g.kind == "Headless" {
		return
	}
	external := r.chance(5)
	if external {
		line("externalIPs: [192.0.2.%d%s]", 1+len(w.services), pick(r, "", fmt.Sprintf(", 203.0.113.%d", 9+len(w.services)), ", 2001:db8::9"))
	}
	if (g.kind != "ClusterIP" || external) && r.chance(2) {
		line("externalTrafficPolicy: Local")
		if g.kind == "LoadBalancer" {
			line("healthCheckNodePort: %d", 32000+len(w.services))
		}
	}
	if g.kind == "LoadBalancer" && r.chance(3) {
		line("loadBalancerSourceRanges: [%s]", pick(r, "203.0.113.0/24", "10.0.0.0/24", "0.0.0.0/0", "192.0.2.7/32, 10.0.0.0/8", "\" 198.51.0.0/16 \", \"fd00::/8\"", "10.0.0.11/32", "203.0.113.5/32, 203.0.113.0/24", "10.244.0.0/16", "fd00::/8", "203.0.113.7/24", "10.0.0.11/32, 10.0.0.12/32", "198.51.100.0/24", "\"0.0.0.0/0\", \"::/0\""))
	}
}

// slice writes an EndpointSlice for a Service, or none.
func (w *writer) slice(g generated, nodes int) {
	r := w.r
	if g.kind == "ExternalName" || r.chance(6) {
		return
	}
	// Of two endpoints with one address in two slices kube-proxy takes the one that does not terminate; of two alike, either, by
	// the order of a Go map.
	known := map[string]bool{}
	for s := 0; s <= r.IntN(3); s++ {
		var ports, endpoints []string
		for i, name := range g.ports {
			if r.chance(8) {
				continue
			}
			if r.chance(10) {
				// Defaults: no name, TCP.
				ports = append(ports, fmt.Sprintf("{port: %d}", pick(r, 8080, 3000)))
				continue
			}
			if r.chance(25) {
				// A port that nobody knows a number of, or a name that no Service has.
				ports = append(ports, pick(r, fmt.Sprintf("{name: \"%s\"}", name), "{name: other, port: 99}", fmt.Sprintf("{name: \"%s\", port: 8080, appProtocol: http}", name)))
				continue
			}
			ports = append(ports, fmt.Sprintf("{name: \"%s\", port: %d, protocol: %s}", name, pick(r, 8080, 3000, 80)+i, pick(r, "TCP", "TCP", "UDP", "SCTP")))
		}
		for e := r.IntN(7); e > 0; e-- {
			node := 1 + r.IntN(nodes)
			address := w.podIP(node)
			switch {
			case r.chance(12):
				// The same endpoint in two slices, while it moves from one to the other.
				address = fmt.Sprintf("10.244.%d.8", node)
			case r.chance(15):
				address = fmt.Sprintf("10.0.0.%d", 10+node)
			case r.chance(20):
				address += ", " + w.podIP(node)
			case r.chance(30):
				address = "192.168.7.7"
			}
			text := fmt.Sprintf("addresses: [%s]", address)
			if !r.chance(8) {
				text += fmt.Sprintf(", nodeName: node-%d", node)
			}
			conditions := pick(r, "", ", conditions: {}", ", conditions: {ready: true, serving: true, terminating: false}",
				", conditions: {ready: true}", ", conditions: {ready: false, serving: false, terminating: false}",
				", conditions: {ready: false, serving: true, terminating: true}", ", conditions: {ready: false, serving: false, terminating: true}",
				", conditions: {ready: false}", ", conditions: {serving: true, terminating: true}", ", conditions: {ready: true, serving: true, terminating: true}", ", conditions: {ready: false, terminating: true}")
			seen := fmt.Sprint(strings.Split(address, ",")[0], strings.Contains(conditions, "terminating: true"))
			if known[seen] {
				continue
			}
			known[seen] = true
			text += conditions
			if r.chance(4) {
				text += fmt.Sprintf(", hostname: %s-%d", pick(r, "db", "h"), r.IntN(3))
			}
			if r.chance(10) {
				text += pick(r, ", hints: {}", ", hints: {forZones: []}", ", zone: a", ", hints: {forZones: [{name: a}, {name: b}]}", ", hints: {forZones: [{name: nowhere}]}", ", targetRef: {kind: Pod, name: p, namespace: default}")
			} else if r.chance(3) {
				zone := pick(r, "a", "b", "c")
				text += fmt.Sprintf(", zone: %s, hints: {forZones: [{name: %s}]%s}", zone, zone, pick(r, "", fmt.Sprintf(", forNodes: [{name: node-%d}]", node)))
			} else if r.chance(6) {
				text += fmt.Sprintf(", hints: {forNodes: [{name: node-%d}, {name: node-1}]}", node)
			}
			endpoints = append(endpoints, "{"+text+"}")
		}
		labels := "kubernetes.io/service-name: " + g.name
		if g.kind == "Headless" {
			labels += ", service.kubernetes.io/headless: \"\""
		}
		family := "IPv4"
		if r.chance(25) {
			family, endpoints = "IPv6", []string{fmt.Sprintf("{addresses: [\"2001:db8::%d\"], conditions: {ready: true}}", 1+s)}
		}
		if r.chance(40) {
			labels = pick(r, "kubernetes.io/service-name: nobody", "app: x")
		}
		w.add("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: %s-%c, namespace: %s, labels: {%s}}\naddressType: %s\nports: [%s]\nendpoints: [%s]",
			g.name, 'a'+s, g.namespace, labels, family, strings.Join(ports, ", "), strings.Join(endpoints, ", "))
	}
}

func (w *writer) pod(index, nodes int) {
	r := w.r
	node := 1 + r.IntN(nodes)
	name := fmt.Sprintf("pod-%d", index)
	meta := fmt.Sprintf("name: %s, namespace: %s, labels: {app: %s, tier: %s}", name, pick(r, "default", "default", "prod", "kube-system"), pick(r, "a", "b"), pick(r, "x", "z"))
	if r.chance(6) {
		meta += ", deletionTimestamp: \"2026-01-01T00:00:00Z\", deletionGracePeriodSeconds: 30"
	}
	spec := fmt.Sprintf("nodeName: node-%d, ", pick(r, node, node, node, node, node, 9))
	if r.chance(6) {
		spec += fmt.Sprintf("hostname: %s, subdomain: %s%d, ", name, pick(r, "web", "db"), r.IntN(3))
	}
	spec += pick(r, "", "", "", "", "", "hostNetwork: true, ", "restartPolicy: Never, ", "restartPolicy: OnFailure, ", "readinessGates: [{conditionType: a/b}], ")
	ports := pick(r, "", "{name: http, containerPort: 8080}", "{name: http, containerPort: 8080}", "{name: http, containerPort: 3000}",
		"{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090}", "{name: http, containerPort: 53, protocol: UDP}",
		"{name: http, containerPort: 53, protocol: UDP}, {name: http, containerPort: 54}", "{name: metrics, containerPort: 1, protocol: SCTP}, {containerPort: 8080}")
	if r.chance(8) {
		spec += "initContainers: [{name: side, image: x, restartPolicy: Always, ports: [{name: metrics, containerPort: 9001}]}], "
	}
	status := "phase: " + pick(r, "Running", "Running", "Running", "Running", "Running", "Pending", "Succeeded", "Failed", "Unknown")
	if !r.chance(8) {
		ip := w.podIP(node)
		status += fmt.Sprintf(", podIP: %s", ip)
		if !r.chance(12) {
			status += fmt.Sprintf(", podIPs: [{ip: %s}%s]", ip, pick(r, "", "", "", ", {ip: \"fd00::1\"}"))
		}
	}
	status += pick(r, "", ", conditions: [{type: Ready, status: \"True\"}]", ", conditions: [{type: Ready, status: \"True\"}]", ", conditions: [{type: Ready, status: \"False\"}]")
	w.add("apiVersion: v1\nkind: Pod\nmetadata: {%s}\nspec: {%scontainers: [{name: c, image: nginx, ports: [%s]}]}\nstatus: {%s}", meta, spec, ports, status)
}

func (w *writer) text(headers ...string) []byte {
	var out strings.Builder
	for _, h := range headers {
		out.WriteString("# " + h + "\n")
	}
	return []byte(out.String() + strings.Join(w.docs, "\n---\n") + "\n")
}

// fuzzRules mixes Services of all types with slices for one node's rules.
func fuzzRules(r *random) []byte {
	w := &writer{r: r}
	nodes := w.nodes(true)
	for i := 0; i < 1+r.IntN(6); i++ {
		w.slice(w.service(i, ""), nodes)
	}
	return w.text("A generated cluster.", fmt.Sprintf("node: node-%d", 1+r.IntN(nodes)))
}

// fuzzSlices mixes Services and Pods for the EndpointSlice controller.
func fuzzSlices(r *random) []byte {
	w := &writer{r: r}
	nodes := w.nodes(true)
	for i := 0; i < 1+r.IntN(4); i++ {
		w.service(i, pick(r, "", "selector: {app: a}", "selector: {app: a}", "selector: {app: b, tier: x}", "selector: {}", "selector: {app: none}"))
	}
	for i := r.IntN(12); i > 0; i-- {
		w.pod(i, nodes)
	}
	return w.text("A generated cluster.")
}

// fuzzDNS asks about a cluster's Services, by good names and by names that are nearly good.
func fuzzDNS(r *random) []byte {
	w := &writer{r: r}
	nodes := w.nodes(false)
	for i := 0; i < 1+r.IntN(5); i++ {
		w.slice(w.service(i, ""), nodes)
	}
	headers := []string{"A generated cluster."}
	for q := 0; q < 12; q++ {
		g := pick(r, w.services...)
		port := "http0"
		if len(g.ports) > 0 {
			port = pick(r, g.ports...)
		}
		zone := g.namespace + ".svc.cluster.local"
		name := pick(r, g.name+"."+zone, g.name+"."+zone, g.name+"."+zone, "_"+port+"._tcp."+g.name+"."+zone, "_"+port+"._udp."+g.name+"."+zone,
			port+".tcp."+g.name+"."+zone, "db-0."+g.name+"."+zone, "h-1."+g.name+"."+zone, fmt.Sprintf("10-244-1-%d.%s.%s", 1+r.IntN(60), g.name, zone),
			"nope."+zone, zone, "svc.cluster.local", "x.y."+g.name+"."+zone, strings.ToUpper(g.name)+"."+zone, g.name+".nowhere.svc.cluster.local",
			"10-244-1-8."+g.namespace+".pod.cluster.local", "www.example.com", "*."+zone, g.name,
			"_*._tcp."+g.name+"."+zone, "_"+port+"._sctp."+g.name+"."+zone, "_"+strings.ToUpper(port)+"._TCP."+g.name+"."+zone, "db-0._"+port+"._tcp."+g.name+"."+zone,
			"192-168-7-7."+g.name+"."+zone, "10-0-0-11."+g.name+"."+zone, "2001-db8--1."+g.name+"."+zone, g.namespace+".pod.cluster.local", "pod.cluster.local", "cluster.local", "dns-version.cluster.local",
			"1-2-3.default.pod.cluster.local", "2001-db8--1.default.pod.cluster.local", "300-1-1-1.default.pod.cluster.local", "10-244-1-8.nowhere.pod.cluster.local", "a.10-244-1-8.default.pod.cluster.local",
			g.name+"."+g.namespace+".SVC.cluster.local", "kubernetes.default.svc.cluster.local", g.name+"."+g.namespace+".svc", g.name+"."+g.namespace+".svc.cluster.local.cluster.local", "x.cluster.local",
			"_tcp."+g.name+"."+zone, "_"+port+"."+g.name+"."+zone, "_"+port+"._tcp.x."+g.name+"."+zone, "-"+g.name+"."+zone, "ns.dns.cluster.local", "dns.cluster.local", "_http._tcp."+zone,
			g.name+".pod.cluster.local", "10-244-1-8.svc.pod.cluster.local", "a."+g.name+".pod.cluster.local", g.name+"."+g.namespace+".pod.cluster.local", g.name+"."+g.namespace+".svc.svc.cluster.local",
			"db-0.x."+g.name+"."+zone, "_"+port+"._tcp.db-0."+g.name+"."+zone, "*."+g.name+"."+zone, "*.*."+zone, "any."+g.name+"."+zone, g.name+".*.svc.cluster.local", "10-244-1-8.*.pod.cluster.local",
			"http-alt."+g.name+"."+zone, "_."+g.name+"."+zone, "__._tcp."+g.name+"."+zone, "_"+port+"._"+g.name+"."+zone, "a.b.c.d.e."+g.name+"."+zone, "DB-0."+g.name+"."+zone, "db-0."+strings.ToUpper(g.name)+"."+zone,
			"fd00--1.default.pod.cluster.local", "0-0-0-0.default.pod.cluster.local", "10-244-1-08.default.pod.cluster.local", "10-244-1-8-.default.pod.cluster.local", "--1.default.pod.cluster.local", "1--2--3.default.pod.cluster.local",
			"endpoint.cluster.local", "svc.svc.cluster.local", "pod.svc.cluster.local", "a.svc.cluster.local", "default.svc.cluster.local.", "_ns.dns.cluster.local", "dns-version.cluster.local.cluster.local", "x.dns-version.cluster.local", "cluster.local.svc.cluster.local")
		kind := pick(r, "A", "A", "A", "SRV", "SRV", "AAAA", "CNAME", "TXT", "MX", "NS", "SOA", "PTR", "HTTPS", "ANY", "CAA", "SVCB", "NAPTR")
		if r.chance(8) {
			octets := strings.Split("10.96.1."+fmt.Sprint(20+r.IntN(6)), ".")
			if r.chance(2) {
				octets = []string{"10", "244", "1", fmt.Sprint(1 + r.IntN(80))}
			}
			name, kind = octets[3]+"."+octets[2]+"."+octets[1]+"."+octets[0]+".in-addr.arpa", pick(r, "PTR", "PTR", "PTR", "A")
			if r.chance(6) {
				name = pick(r, octets[2]+"."+octets[1]+"."+octets[0]+".in-addr.arpa", "x."+name, "7.7.168.192.in-addr.arpa", "11.0.0.10.in-addr.arpa",
					"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "300.1.96.10.in-addr.arpa")
			}
		}
		headers = append(headers, "query: "+name+" "+kind)
	}
	return w.text(headers...)
}
