package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/kubectl/pkg/validation"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/replicaset"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/endpoint"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/node"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/replicationcontroller"
	"k8s.io/kubernetes/pkg/registry/core/secret"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/discovery/endpointslice"
	"k8s.io/kubernetes/pkg/registry/networking/ingress"
	"k8s.io/kubernetes/pkg/registry/networking/ingressclass"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
)

// strategy is what every registry strategy offers.
type strategy interface {
	rest.RESTCreateStrategy
	rest.RESTUpdateStrategy
}

// kinds are those that kubehop plays or reads, with the strategy of their registry.
var kinds = map[schema.GroupVersionKind]strategy{
	{Version: "v1", Kind: "Pod"}:                                       pod.Strategy,
	{Version: "v1", Kind: "Service"}:                                   service.Strategy,
	{Version: "v1", Kind: "Endpoints"}:                                 endpoint.Strategy,
	{Version: "v1", Kind: "ConfigMap"}:                                 configmap.Strategy,
	{Version: "v1", Kind: "Secret"}:                                    secret.Strategy,
	{Version: "v1", Kind: "Namespace"}:                                 namespace.Strategy,
	{Version: "v1", Kind: "Node"}:                                      node.Strategy,
	{Version: "v1", Kind: "ServiceAccount"}:                            serviceaccount.Strategy,
	{Version: "v1", Kind: "ReplicationController"}:                     replicationcontroller.Strategy,
	{Group: "apps", Version: "v1", Kind: "Deployment"}:                 deployment.Strategy,
	{Group: "apps", Version: "v1", Kind: "ReplicaSet"}:                 replicaset.Strategy,
	{Group: "apps", Version: "v1", Kind: "StatefulSet"}:                statefulset.Strategy,
	{Group: "apps", Version: "v1", Kind: "DaemonSet"}:                  daemonset.Strategy,
	{Group: "batch", Version: "v1", Kind: "Job"}:                       job.Strategy,
	{Group: "batch", Version: "v1", Kind: "CronJob"}:                   cronjob.Strategy,
	{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}:       ingress.Strategy,
	{Group: "networking.k8s.io", Version: "v1", Kind: "IngressClass"}:  ingressclass.Strategy,
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}: networkpolicy.Strategy,
	{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}:  endpointslice.Strategy,
}

// answer is what became of one document.
type answer struct {
	// Document counts from 1 and leaves out empty documents; the items of a List count one by one.
	Document int    `json:"document"`
	Kind     string `json:"kind,omitempty"`
	Name     string `json:"name,omitempty"`
	Accepted bool   `json:"accepted"`
	// Stage is where it was refused: kubectl, decode, allocate or validate.
	Stage    string         `json:"stage,omitempty"`
	Errors   []problem      `json:"errors"`
	Warnings []string       `json:"warnings"`
	Object   map[string]any `json:"object,omitempty"`
}

// problem has Kubernetes' message without its frame. Decoding errors have no path of their own.
type problem struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// warnings collects what the API server would put into Warning headers.
type warnings []string

func (w *warnings) AddWarning(_, text string) { *w = append(*w, text) }

// runAdmission sends every document through what kubectl and then the API server do with it, in order, against
// one cluster.
func runAdmission(input []byte) ([]byte, error) {
	server, err := newServer()
	if err != nil {
		return nil, err
	}
	defer server.close()
	answers := []answer{}
	add := func(a answer) {
		a.Document = len(answers) + 1
		if a.Warnings == nil {
			a.Warnings = []string{}
		}
		sortSelectors(a.Warnings)
		if a.Errors == nil {
			a.Errors = []problem{}
		}
		answers = append(answers, a)
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(input), 4096)
	for {
		document := runtime.RawExtension{}
		if err := decoder.Decode(&document); err == io.EOF {
			break
		} else if err != nil {
			// A stream that cannot be parsed ends here; kubectl reads no further.
			add(refused("kubectl", problem{Message: err.Error()}))
			break
		}
		raw := bytes.TrimSpace(document.Raw)
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		for _, a := range server.apply(raw) {
			add(a)
		}
	}
	printed, err := indented(answers, "  ")
	return []byte(strings.NewReplacer(server.chosen...).Replace(string(printed))), err
}

// sortSelectors sorts what is said of a node selector's labels, whose order is that of a Go map. They stand first.
func sortSelectors(warnings []string) {
	first := slices.IndexFunc(warnings, func(text string) bool { return strings.Contains(text, "nodeSelector[") })
	if first < 0 {
		return
	}
	end := first
	for end < len(warnings) && strings.Contains(warnings[end], "nodeSelector[") {
		end++
	}
	slices.Sort(warnings[first:end])
}

func refused(stage string, problems ...problem) answer {
	return answer{Stage: stage, Errors: problems}
}

// supported is a server that knows server-side field validation, as every supported one does.
type supported struct{}

func (supported) HasSupport(schema.GroupVersionKind) error { return nil }

var kubectlSchema = validation.NewParamVerifyingSchema(validation.NullSchema{}, supported{}, metav1.FieldValidationStrict)

// apply does kubectl's part: it wants an apiVersion and a kind, takes Lists apart, finds the resource and sets the
// namespace.
func (s *server) apply(raw []byte) []answer {
	if err := kubectlSchema.ValidateBytes(raw); err != nil {
		return []answer{refused("kubectl", problem{Message: err.Error()})}
	}
	object, gvk, err := unstructured.UnstructuredJSONScheme.Decode(raw, nil, nil)
	if err != nil {
		return []answer{refused("kubectl", problem{Message: err.Error()})}
	}
	if list, ok := object.(*unstructured.UnstructuredList); ok {
		var answers []answer
		for i := range list.Items {
			answers = append(answers, s.applyOne(&list.Items[i], list.Items[i].GroupVersionKind()))
		}
		return answers
	}
	return []answer{s.applyOne(object.(*unstructured.Unstructured), *gvk)}
}

func (s *server) applyOne(object *unstructured.Unstructured, gvk schema.GroupVersionKind) (a answer) {
	defer func() {
		a.Kind = gvk.Kind
		a.Name, _, _ = unstructured.NestedString(object.Object, "metadata", "name")
	}()
	strategy, played := kinds[gvk]
	if !played {
		missing := &meta.NoKindMatchError{GroupKind: gvk.GroupKind(), SearchedVersions: []string{gvk.Version}}
		return refused("kubectl", problem{Message: missing.Error()})
	}
	requestNamespace := ""
	if strategy.NamespaceScoped() {
		requestNamespace, _, _ = unstructured.NestedString(object.Object, "metadata", "namespace")
		requestNamespace = orDefault(requestNamespace)
		if metadata, ok := object.Object["metadata"].(map[string]any); ok && metadata["namespace"] == nil {
			metadata["namespace"] = requestNamespace
		}
	}
	body, err := runtime.Encode(unstructured.UnstructuredJSONScheme, object)
	if err != nil {
		return refused("kubectl", problem{Message: err.Error()})
	}
	return s.create(body, gvk, strategy, requestNamespace)
}

// decodeErrors takes the frame ("Deployment in version ... cannot be handled as a Deployment: strict decoding
// error: ") off and separates what is joined in it.
func decodeErrors(err error) []problem {
	strict, ok := runtime.AsStrictDecodingError(err)
	if !ok {
		return []problem{{Message: err.Error()}}
	}
	var problems []problem
	for _, e := range strict.Errors() {
		path := ""
		if _, quoted, ok := strings.Cut(e.Error(), `field "`); ok {
			path = strings.TrimSuffix(quoted, `"`)
		}
		problems = append(problems, problem{Path: path, Message: e.Error()})
	}
	return problems
}

// statusErrors separates the causes of an API error and gives each its path.
func statusErrors(err error) []problem {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return []problem{{Message: err.Error()}}
	}
	var problems []problem
	for _, cause := range status.Status().Details.Causes {
		if cause.Type == "" && cause.Field == "" {
			problems = append(problems, problem{Message: err.Error()})
			continue
		}
		problems = append(problems, problem{Path: cause.Field, Message: cause.Message})
	}
	// Errors at one path come from the keys of a map, whose order is random; the rest keeps upstream's order.
	for start := 0; start < len(problems); {
		end := start + 1
		for end < len(problems) && problems[end].Path == problems[start].Path {
			end++
		}
		slices.SortFunc(problems[start:end], func(a, b problem) int { return strings.Compare(a.Message, b.Message) })
		start = end
	}
	return problems
}

// requestContext is the context of a request as the handlers make it.
func requestContext(gvk schema.GroupVersionKind, namespace, verb string, w *warnings) context.Context {
	ctx := warning.WithWarningRecorder(genericapirequest.NewContext(), w)
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	ctx = genericapirequest.WithRequestInfo(ctx, &genericapirequest.RequestInfo{
		IsResourceRequest: true, Verb: verb, APIGroup: gvk.Group, APIVersion: gvk.Version,
		Namespace: namespace, Resource: plural.Resource,
	})
	return genericapirequest.WithNamespace(ctx, namespace)
}

// printed is the stored object in the version it came in, without what differs from run to run.
func printed(object runtime.Object, gvk schema.GroupVersionKind) (map[string]any, error) {
	versioned, err := legacyscheme.Scheme.ConvertToVersion(object, gvk.GroupVersion())
	if err != nil {
		return nil, err
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(versioned)
	if err != nil {
		return nil, err
	}
	unstructured.RemoveNestedField(fields, "metadata", "uid")
	unstructured.RemoveNestedField(fields, "metadata", "creationTimestamp")
	return fields, nil
}

// maskAllocated replaces what the cluster chose by a word, since another cluster chooses otherwise.
func maskAllocated(given, stored map[string]any) {
	const allocated = "<allocated>"
	spec, _ := stored["spec"].(map[string]any)
	asked, _ := given["spec"].(map[string]any)
	if isEmpty(asked["clusterIP"]) && spec["clusterIP"] != nil {
		if ips, ok := asked["clusterIPs"].([]any); !ok || len(ips) == 0 {
			spec["clusterIP"] = allocated
			spec["clusterIPs"] = []any{allocated}
		}
	}
	if isEmpty(asked["healthCheckNodePort"]) && spec["healthCheckNodePort"] != nil {
		spec["healthCheckNodePort"] = allocated
	}
	ports, _ := spec["ports"].([]any)
	askedPorts, _ := asked["ports"].([]any)
	for i, p := range ports {
		port, _ := p.(map[string]any)
		var askedPort map[string]any
		if i < len(askedPorts) {
			askedPort, _ = askedPorts[i].(map[string]any)
		}
		if port["nodePort"] != nil && isEmpty(askedPort["nodePort"]) {
			port["nodePort"] = allocated
		}
	}
}

func isEmpty(value any) bool {
	return value == nil || fmt.Sprint(value) == "" || fmt.Sprint(value) == "0"
}
