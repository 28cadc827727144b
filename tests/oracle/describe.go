package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kubectl/pkg/describe"
)

// runDescribe prints what kubectl's describers say about the objects that the headers "# describe: KIND NAME" name.
func runDescribe(input []byte) ([]byte, error) {
	objects, err := readAsWritten(input)
	if err != nil {
		return nil, err
	}
	client := fake.NewSimpleClientset(objects...)
	describers := map[string]describe.ResourceDescriber{
		"Service":               &describe.ServiceDescriber{Interface: client},
		"EndpointSlice":         &describe.EndpointSliceDescriber{Interface: client},
		"Endpoints":             &describe.EndpointsDescriber{Interface: client},
		"Pod":                   &describe.PodDescriber{Interface: client},
		"ReplicaSet":            &describe.ReplicaSetDescriber{Interface: client},
		"ReplicationController": &describe.ReplicationControllerDescriber{Interface: client},
		"DaemonSet":             &describe.DaemonSetDescriber{Interface: client},
		"ConfigMap":             &describe.ConfigMapDescriber{Interface: client},
		"Secret":                &describe.SecretDescriber{Interface: client},
		"Node":                  &describe.NodeDescriber{Interface: client},
		"Namespace":             &describe.NamespaceDescriber{Interface: client},
		"NetworkPolicy":         &describe.NetworkPolicyDescriber{Interface: client},
	}
	ingress, class := &describe.IngressDescriber{}, &describe.IngressClassDescriber{}
	deployment, stateful := &describe.DeploymentDescriber{}, &describe.StatefulSetDescriber{}
	for _, describer := range []any{ingress, class, deployment, stateful} {
		setField(describer, "client", client)
	}
	describers["Ingress"], describers["IngressClass"] = ingress, class
	describers["Deployment"], describers["StatefulSet"] = deployment, stateful
	var out bytes.Buffer
	for _, wanted := range headers(input)["describe"] {
		kind, name, _ := strings.Cut(wanted, " ")
		namespace := "default"
		if kind == "Node" || kind == "Namespace" || kind == "IngressClass" {
			namespace = ""
		}
		describer, ok := describers[kind]
		if !ok {
			return nil, fmt.Errorf("no describer for %q", kind)
		}
		text, err := describer.Describe(namespace, name, describe.DescriberSettings{ShowEvents: true})
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "== %s %s\n%s", kind, name, text)
	}
	return out.Bytes(), nil
}

// readAsWritten decodes documents without any defaults: the case says what the API server would have stored.
func readAsWritten(input []byte) ([]runtime.Object, error) {
	var objects []runtime.Object
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(input)))
	for {
		document, err := reader.Read()
		if err == io.EOF {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
}
