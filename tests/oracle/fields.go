package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// definition is a type of upstream's OpenAPI.
type definition struct {
	Ref        string                `json:"$ref"`
	Type       string                `json:"type"`
	Format     string                `json:"format"`
	Items      *definition           `json:"items"`
	Additional *definition           `json:"additionalProperties"`
	Properties map[string]definition `json:"properties"`
	Required   []string              `json:"required"`
	Kinds      []struct {
		Group, Version, Kind string
	} `json:"x-kubernetes-group-version-kind"`
}

// definitions are those of the file that comes with the module.
func definitions() (map[string]definition, error) {
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), "api/openapi-spec/swagger.json"))
	if err != nil {
		return nil, err
	}
	var spec struct {
		Definitions map[string]definition `json:"definitions"`
	}
	return spec.Definitions, json.Unmarshal(text, &spec)
}

// runFields prints every field of every type that the given kinds are made of: type, field, the field's type, and
// whether it is required.
func runFields(input []byte) ([]byte, error) {
	all, err := definitions()
	if err != nil {
		return nil, err
	}
	var asked struct{ Kinds []string }
	if err := yaml.Unmarshal(input, &asked); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	seen := map[string]bool{}
	var queue []string
	visit := func(name string) {
		if !seen[name] {
			seen[name] = true
			queue = append(queue, name)
		}
	}
	for _, kind := range asked.Kinds {
		name, err := definitionOf(all, kind)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%s = %s\n", kind, name)
		visit(name)
	}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		for _, field := range sortedKeys(all[name].Properties) {
			required := ""
			if contains(all[name].Required, field) {
				required = " required"
			}
			fmt.Fprintf(&out, "%s %s %s%s\n", name, field, typeName(all, all[name].Properties[field], visit), required)
		}
	}
	return out.Bytes(), nil
}

func definitionOf(all map[string]definition, kind string) (string, error) {
	for _, name := range sortedKeys(all) {
		for _, k := range all[name].Kinds {
			version := k.Version
			if k.Group != "" {
				version = k.Group + "/" + version
			}
			if version+" "+k.Kind == kind {
				return name, nil
			}
		}
	}
	return "", fmt.Errorf("no kind %q", kind)
}

func typeName(all map[string]definition, d definition, visit func(string)) string {
	switch {
	case d.Ref != "":
		name := d.Ref[strings.LastIndex(d.Ref, "/")+1:]
		if len(all[name].Properties) > 0 {
			visit(name)
		}
		return name
	case d.Type == "array":
		return "[" + typeName(all, *d.Items, visit)
	case d.Additional != nil:
		return "{" + typeName(all, *d.Additional, visit)
	case d.Format != "":
		return d.Type + ":" + d.Format
	}
	return d.Type
}
