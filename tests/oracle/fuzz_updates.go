package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// fuzzUpdates writes an object and what it is changed to, once or twice.
func fuzzUpdates(r *random) []byte {
	object := anyGood(r)
	docs := []string{plain(object)}
	for n := 1 + r.IntN(2); n > 0; n-- {
		object = cloned(object)
		for changes := 1 + r.IntN(2); changes > 0; changes-- {
			if r.chance(3) {
				grow(r, object)
			} else {
				change(r, object)
			}
		}
		docs = append(docs, plain(object))
	}
	return []byte("# A generated object, changed.\n" + strings.Join(docs, "---\n"))
}

func cloned(object map[string]any) map[string]any {
	text, _ := json.Marshal(object)
	var copied map[string]any
	json.Unmarshal(text, &copied)
	return copied
}

// change gives one field another value that may well be a good one, or takes it away.
func change(r *random, object map[string]any) {
	var all []place
	places("", object, &all)
	p := all[r.IntN(len(all))]
	for _, fixed := range []string{".apiVersion", ".kind", ".metadata.name", ".metadata.namespace"} {
		if p.path == fixed || p.path == ".metadata" {
			return
		}
	}
	spec, _ := object["spec"].(map[string]any)
	switch {
	case object["kind"] == "Service" && r.chance(2):
		key := pick(r, "type", "clusterIP", "externalTrafficPolicy", "internalTrafficPolicy", "sessionAffinity", "externalName", "healthCheckNodePort", "loadBalancerClass", "trafficDistribution",
			"publishNotReadyAddresses", "allocateLoadBalancerNodePorts", "ipFamilyPolicy")
		if r.chance(3) {
			delete(spec, key)
		} else if key == "publishNotReadyAddresses" || key == "allocateLoadBalancerNodePorts" {
			spec[key] = r.chance(2)
		} else if key == "healthCheckNodePort" {
			spec[key] = pick(r, 31999, 32000, 32001)
		} else if key == "type" {
			spec[key] = pick(r, "ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
		} else {
			spec[key] = likely(r, "."+key)
		}
	case r.chance(5):
		p.remove()
	case r.chance(6):
		if m, ok := p.value.(map[string]any); ok {
			m[fmt.Sprintf("x%d", r.IntN(3))] = pick[any](r, "a", "b", 1)
		}
	default:
		switch value := p.value.(type) {
		case string:
			p.set(pick[any](r, value+"2", value+"2", "other", likely(r, p.path)))
		case float64:
			p.set(pick[any](r, value+1, value+1, value+2, 0, likely(r, p.path)))
		case bool:
			p.set(!value)
		}
	}
}

// plain is an object as YAML without surprises.
func plain(object map[string]any) string {
	text, err := marshalled(object)
	if err != nil {
		panic(err)
	}
	return text
}
