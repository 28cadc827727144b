package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

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

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

func marshalled(object map[string]any) (string, error) {
	text, err := yaml.Marshal(object)
	return string(text), err
}

// raw marks a scalar that is to be written without quotes.
type rawScalar struct{ text string }

func (s rawScalar) MarshalJSON() ([]byte, error) {
	return []byte(fmt.Sprintf("%q", "RAW<"+s.text+">")), nil
}

// fuzzAdmission takes a good object, or a few, and hurts them in one or two ways.
func fuzzAdmission(r *random) []byte {
	var docs []string
	for n := 1 + r.IntN(8)/6; n > 0; n-- {
		object := anyGood(r)
		if n > 1 {
			// Two objects of one kind and name would be an update.
			object["metadata"].(map[string]any)["name"] = fmt.Sprintf("other-%d", n)
		}
		hurts := pick(r, 0, 1, 1, 1, 2, 2, 3)
		if r.chance(2) {
			hurts = r.IntN(6) / 5
			for fields := pick(r, 1, 1, 1, 2, 2, 3, 5); fields > 0; fields-- {
				grow(r, object)
			}
		}
		for ; hurts > 0; hurts-- {
			hurtAnywhere(r, object)
		}
		docs = append(docs, written(r, object))
	}
	return []byte("# A generated object, hurt.\n" + strings.Join(docs, "---\n"))
}

func anyGood(r *random) map[string]any {
	var object map[string]any
	if err := yaml.Unmarshal([]byte(pick(r, good...)), &object); err != nil {
		panic(err)
	}
	return object
}

func hurtAnywhere(r *random, object map[string]any) {
	var all []place
	places("", object, &all)
	if p := all[r.IntN(len(all))]; !strings.HasPrefix(p.path, ".apiVersion") && !strings.HasPrefix(p.path, ".kind") {
		hurt(r, p)
	}
}

// written is an object as YAML, or sometimes as JSON or as the item of a List.
func written(r *random, object map[string]any) string {
	if r.chance(20) {
		object = map[string]any{"apiVersion": "v1", "kind": "List", "items": []any{object}}
	}
	out := plain(object)
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
	if r.chance(15) {
		out = surprise(r, out)
	}
	return out
}

// surprise writes the same YAML in a way that not every reader takes.
func surprise(r *random, text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	at := r.IntN(len(lines))
	switch r.IntN(6) {
	case 0:
		// The line again: a duplicate key or a second item.
		lines = append(lines[:at+1], lines[at:]...)
	case 1:
		lines[at] += " # a comment"
	case 2:
		return strings.ReplaceAll(text, "\n", "\r\n")
	case 3:
		return "---\n" + text + "...\n"
	case 4:
		lines[at] = strings.Replace(lines[at], ": ", ": !!str ", 1)
	case 5:
		return "# only a comment\n---\n" + text + "---\n"
	}
	return strings.Join(lines, "\n") + "\n"
}

// Values for a field, by what its name says of it; most are nearly right.
var (
	badNames = []any{"Web", "web_app", "a.b", "-a", "a-", "aaaaaaaaaaaaaaaa", strings.Repeat("a", 64), strings.Repeat("a", 254), "1a", "a b", "a/b", "a/b/c", "10.0.0.1",
		"*.a.com", "80", "tcp", "Local", "None", "é", "a--b", "", "x", "a..b", ".a", "a.", "A/b", "a.example.com/b", "a.example.com/", "/b", strings.Repeat("b", 63), strings.Repeat("c.", 40) + "c", "a\tb", "\"", "%", "_a", "a_"}
	badNumbers = []any{0, -1, 1, 2, 65535, 65536, 70000, 30000, 32767, 32768, 29999, 86400, 86401, 2147483647, 2147483648, -2147483649, 99999999999, 1.5, "80", "", true}
	badEither  = []any{0, -1, 1, 65535, 65536, 2147483647, 2147483648, "", "80", "http", "HTTP", "http-alt-and-more", "a-very-long-name-x", "1a", "a1", "a--b", "-a", "a_b", "50%", "101%", "-5%", "0%", "%", "5 %", "1.5%", 1.5, true}
	badIPs     = []any{"10.0.0.1", "10.0.0", "010.0.0.1", "10.0.0.256", "::1", "fe80::1", "2001:db8::1", "127.0.0.1", "224.0.0.1", "169.254.1.1", "0.0.0.0", " 10.0.0.1", "::ffff:1.2.3.4", "10.0.0.0/24", "None", "none", "", "db.example.com",
		"2001:DB8::1", "fd00:0:0::5", "10.96.0.1", "10.96.0.10", "10.96.0.0", "10.96.255.255", "10.97.0.5", "10.96.3.4"}
	badCIDRs      = []any{"10.0.0.0/8", "10.0.0.5/24", "10.0.0.0/33", "10.0.0.0", "::/0", "0.0.0.0/0", " 10.0.0.0/8 ", "10.0.0.0/08", "10.1.0.0/16", "10.0.0.0/8,10.1.0.0/16", "", "fd00::/8", "10.2.0.0/15", "FD00::/8", "fd00::1/64", "010.0.0.0/8", "x"}
	badQuantities = []any{"1", "1.5", "0.5m", "1Ki", "1ki", "1K", "-1", "1e3", "1E", "100mm", "", " 1", "1 ", 1.5, 0.1, 2, "1n", "0.0001m", "1.0.0", ".5", "5.", "+1", "1 Gi", "9223372036854775807", "9223372036854775808", "1Ei", "10Ei", "1e", "e3", "1E3", "1e-3", "0", "-0", "00.5", "1u", "100m", "0x10", "Gi", "1.5Gi", true,
		"1e30", "1e1000", "1e-1000", "123456789012345678901234567890123456", "99999999999999999999Gi", "0.00000000000000000000000000000000000000000001Ki"}
	enumerations = map[string][]any{
		"type":                  {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "clusterip", "Nodeport", "Recreate", "RollingUpdate", "OnDelete", "Opaque", "kubernetes.io/tls", "kubernetes.io/basic-auth"},
		"protocol":              {"TCP", "UDP", "SCTP", "tcp", "HTTP", "Tcp", "ICMP"},
		"externalTrafficPolicy": {"Local", "Cluster", "local", ""}, "internalTrafficPolicy": {"Local", "Cluster", "cluster", ""},
		"sessionAffinity":     {"None", "ClientIP", "none", "Cookie"},
		"trafficDistribution": {"PreferClose", "PreferSameZone", "PreferSameNode", "preferclose", ""},
		"ipFamilyPolicy":      {"SingleStack", "PreferDualStack", "RequireDualStack", "DualStack"},
		"operator":            {"In", "NotIn", "Exists", "DoesNotExist", "Equal", "in", "Gt", ""},
		"pathType":            {"Exact", "Prefix", "ImplementationSpecific", "prefix", ""},
		"path":                {"/", "", "a", "/a//b", "/a/../b", "/a/%2f", "//", "/a?b", "/*", "/é"},
		"restartPolicy":       {"Always", "OnFailure", "Never", "always", ""},
		"dnsPolicy":           {"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None", "none"},
		"addressType":         {"IPv4", "IPv6", "FQDN", "ipv4", "DNS", ""},
		"imagePullPolicy":     {"Always", "Never", "IfNotPresent", "always"},
		"scheme":              {"HTTP", "HTTPS", "http"}, "effect": {"NoSchedule", "NoExecute", "PreferNoSchedule", "noschedule", ""},
		"podManagementPolicy": {"Parallel", "OrderedReady", "parallel"}, "scope": {"Cluster", "Namespace", "cluster"},
		"fieldPath":   {"metadata.name", "status.podIP", "spec.nodeName", "status.hostIPs", "metadata.labels", "metadata.labels['a b']", "metadata.annotations['x']", "spec.foo", "status.phase", ""},
		"host":        {"a.example.com", "*.example.com", "*", "*.*.com", "a.*.com", "10.0.0.1", "A.com", "a_b.com", "", "a.com:80", "*example.com"},
		"appProtocol": {"http", "kubernetes.io/ws", "HTTP2", "a b", "x/y/z", ""}, "whenDeleted": {"Retain", "Delete", "delete"},
		"controller": {"a", "a.b/c", "a/", "/b", "A.b/c", "a.b/c/d", ""},
	}
)

// likely picks a value that suits the name of the field and is nearly right.
func likely(r *random, path string) any {
	keys := strings.FieldsFunc(path, func(c rune) bool { return c == '.' || c == '[' || c == ']' })
	key := ""
	for _, k := range keys {
		if k[0] < '0' || k[0] > '9' {
			key = k
		}
	}
	if list, ok := enumerations[key]; ok {
		return pick(r, list...)
	}
	switch key {
	case "targetPort", "maxSurge", "maxUnavailable":
		return pick(r, badEither...)
	case "port":
		return pick(r, pick(r, badEither...), pick(r, badNumbers...))
	case "clusterIP", "clusterIPs", "externalIPs", "addresses", "ip", "loadBalancerIP", "hostIP", "nameservers", "externalName":
		return pick(r, badIPs...)
	case "loadBalancerSourceRanges", "cidr", "except", "podCIDR", "podCIDRs":
		return pick(r, badCIDRs...)
	case "cpu", "memory", "storage", "divisor", "ephemeral-storage":
		return pick(r, badQuantities...)
	case "nodePort", "number", "containerPort", "hostPort", "replicas", "endPort", "healthCheckNodePort", "timeoutSeconds", "periodSeconds",
		"failureThreshold", "successThreshold", "initialDelaySeconds", "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit",
		"partition", "start", "terminationGracePeriodSeconds", "activeDeadlineSeconds":
		return pick(r, badNumbers...)
	}
	return pick(r, badNames...)
}

func hurt(r *random, p place) {
	switch r.IntN(12) {
	case 0:
		p.remove()
	case 1:
		if p.rename != nil {
			key := p.path[strings.LastIndex(p.path, ".")+1:]
			p.rename(nearMiss(r, key))
		}
	case 2:
		p.set(nil)
	case 3:
		p.set(pick[any](r, "", "x", "80", map[string]any{}, []any{}, []any{"a"}, map[string]any{"a": "b"}, true, 0, -1, 1.5, []any{nil}, []any{map[string]any{}}))
	case 4, 5, 6, 7:
		switch p.value.(type) {
		case map[string]any, []any:
			if r.chance(4) {
				p.set(pick[any](r, nil, "x", 1, []any{}, map[string]any{}))
			}
		default:
			p.set(likely(r, p.path))
		}
	case 8:
		p.set(rawScalar{pick(r, "yes", "n", "on", "~", "0o17", "017", "0x1F", "1e3", "1e30", "1e1000", "8080.0", "1_000", "+80", "12:30", "2001-01-01", "0b11", ".5", ".inf", "1.10", "null", "80 ", "-0", "08", "1__0", "0.0", "-.INF", "NO", "True", "190:20:30", "18446744073709551616", "9223372036854775807", "\"80\"", "'on'", "=", "!!int \"80\"", "|\n  x")})
	case 9:
		if list, ok := p.value.([]any); ok && len(list) > 0 {
			p.set(append(append([]any{}, list...), list[0]))
		} else if list, ok := p.value.([]any); ok {
			p.set(append(list, nil))
		}
	case 10, 11:
		if m, ok := p.value.(map[string]any); ok {
			name := pick(r, "foo", "name", "port", "nodePort", "type", "spec", "labels", "clusterIP", "externalTrafficPolicy", "internalTrafficPolicy", "targetPort", "selector", "protocol",
				"sessionAffinity", "hostPort", "hostNetwork", "tcpSocket", "exec", "grpc", "value", "valueFrom", "endPort", "number", "values", "operator", "externalName", "generateName",
				"deletionTimestamp", "finalizers", "ownerReferences", "resourceVersion", "generation", "healthCheckNodePort", "loadBalancerClass", "allocateLoadBalancerNodePorts", "publishNotReadyAddresses",
				"externalIPs", "loadBalancerSourceRanges", "ipFamilies", "clusterIPs", "replicas", "hostname", "status", "ports")
			m[name] = likely(r, "."+name)
			if r.chance(3) {
				m[name] = pick[any](r, "x", 1, true, []any{"a"}, map[string]any{"a": "b"})
			}
		}
	}
}

// nearMiss is a name as people mistype it.
func nearMiss(r *random, key string) string {
	if len(key) < 2 {
		return key + "x"
	}
	at := r.IntN(len(key) - 1)
	return pick(r, key+"s", key[:len(key)-1], strings.ToUpper(key[:1])+key[1:], strings.ToLower(key), strings.ToUpper(key), "x"+key, key+"x", key[:at]+key[at+1:],
		key[:at]+string(key[at+1])+string(key[at])+key[at+2:], key+" ", "a/"+key, "-"+key, "é"+key, strings.Repeat(key, 20))
}
