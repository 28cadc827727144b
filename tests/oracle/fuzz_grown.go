package main

import (
	"fmt"
	"strings"
	"sync"
)

// openAPI is read once. Go finds it from the folder of this go.mod.
var openAPI = sync.OnceValue(func() map[string]definition {
	all, err := definitions()
	if err != nil {
		panic(err)
	}
	return all
})

// What kubehop does not judge, as the README lists it, and what a request may not set.
var ungrown = map[string]bool{"status": true, "uid": true, "deletionTimestamp": true, "deletionGracePeriodSeconds": true, "resourceVersion": true, "managedFields": true, "securityContext": true, "affinity": true, "topologySpreadConstraints": true, "lifecycle": true,
	"resourceClaims": true, "claims": true, "deprecatedTopology": true, "schedulingGroup": true, "generateName": true, "configSource": true, "fileKeyRef": true,
	"resizePolicy": true, "restartPolicyRules": true, "volumeDevices": true, "volumeAttributesClassName": true, "recursiveReadOnly": true, "mountPropagation": true,
	"os": true, "overhead": true, "dataSource": true, "dataSourceRef": true, "ephemeralContainers": true}

// Of the sources of volumes, those that need names.
var volumeSources = map[string]bool{"name": true, "emptyDir": true, "configMap": true, "secret": true, "hostPath": true, "persistentVolumeClaim": true}

// grown is a place of an object that may take more fields.
type grown struct {
	fields map[string]any
	of     string
}

func growing(all map[string]definition, of definition, value any, found *[]grown) {
	switch v := value.(type) {
	case map[string]any:
		name := of.Ref[strings.LastIndex(of.Ref, "/")+1:]
		if of.Additional != nil || len(all[name].Properties) == 0 {
			return
		}
		*found = append(*found, grown{v, name})
		for _, key := range sortedKeys(v) {
			growing(all, all[name].Properties[key], v[key], found)
		}
	case []any:
		if of.Items != nil {
			for _, item := range v {
				growing(all, *of.Items, item, found)
			}
		}
	}
}

// grow gives the object one field more that its type has.
func grow(r *random, object map[string]any) {
	all := openAPI()
	name, err := definitionOf(all, fmt.Sprint(object["apiVersion"], " ", object["kind"]))
	if err != nil {
		panic(err)
	}
	var found []grown
	growing(all, definition{Ref: "/" + name}, object, &found)
	at := pick(r, found...)
	if keys := missing(all, at); len(keys) > 0 {
		key := pick(r, keys...)
		at.fields[key] = sown(r, all, all[at.of].Properties[key], key, 3)
	}
}

func missing(all map[string]definition, at grown) []string {
	var keys []string
	for _, key := range sortedKeys(all[at.of].Properties) {
		if _, set := at.fields[key]; !set && mayGrow(at.of, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func mayGrow(of, key string) bool {
	if strings.HasSuffix(of, ".v1.PodSpec") && key == "resources" {
		return false
	}
	if strings.HasSuffix(of, ".v1.Volume") {
		return volumeSources[key]
	}
	return !ungrown[key]
}

// sown is a value of the type: what it requires, and some of what it allows.
func sown(r *random, all map[string]definition, of definition, key string, depth int) any {
	if r.chance(40) {
		return pick[any](r, nil, "x", 1, true, []any{}, map[string]any{}, "")
	}
	name := of.Ref[strings.LastIndex(of.Ref, "/")+1:]
	switch {
	case strings.HasSuffix(name, ".IntOrString"):
		return pick(r, badEither...)
	case strings.HasSuffix(name, ".Quantity"):
		return pick(r, badQuantities...)
	case strings.HasSuffix(name, "Time"):
		return pick[any](r, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456Z", "2026-01-01", "now", nil, "2026-13-01T00:00:00Z", "2026-01-01T00:00:00+02:00", 5)
	case of.Type == "array":
		items := []any{}
		for n := pick(r, 0, 1, 1, 1, 2, 2, 3); n > 0 && depth > 0; n-- {
			items = append(items, sown(r, all, *of.Items, key, depth-1))
		}
		if len(items) > 0 && r.chance(6) {
			items = append(items, items[0])
		}
		return items
	case of.Additional != nil:
		entries := map[string]any{}
		for n := r.IntN(3); n > 0; n-- {
			entry := pick(r, "app", "tier", "cpu", "memory", "a.example.com/b", "ephemeral-storage", "pods", fmt.Sprint(pick(r, badNames...)))
			entries[entry] = sown(r, all, *of.Additional, entry, depth-1)
		}
		return entries
	case of.Type == "boolean":
		return r.chance(2)
	case of.Type == "integer":
		return pick[any](r, 0, 1, 2, 5, 80, 8080, 30, 3600, likely(r, "."+key))
	case of.Type == "string":
		return sownText(r, key)
	}
	fields := map[string]any{}
	definition := all[name]
	for _, field := range sortedKeys(definition.Properties) {
		required := contains(definition.Required, field) && !r.chance(20)
		if mayGrow(name, field) && (required || depth > 0 && r.chance(3)) {
			fields[field] = sown(r, all, definition.Properties[field], field, depth-1)
		}
	}
	return fields
}

func sownText(r *random, key string) any {
	switch key {
	case "image", "command", "args":
		return pick[any](r, "nginx", "nginx:1.27", " nginx", "", "a b", "registry.example.com/a/b@sha256:00", "\t", "sh")
	case "mountPath", "subPath", "path", "subPathExpr", "workingDir":
		return pick[any](r, "/data", "data", "/", "", "a/../b", "..", "../a", "/a:b", "/x/./y", "$(A)", likely(r, "."+key))
	case "name", "configMapName", "secretName", "claimName", "serviceName", "ingressClassName", "nodeName", "hostname", "subdomain", "schedulerName", "serviceAccountName", "priorityClassName":
		return pick[any](r, "web", "db", "a", "http", "data", "c", "a.b", likely(r, "."+key))
	}
	return likely(r, "."+key)
}
