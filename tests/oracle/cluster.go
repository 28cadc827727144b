package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"unsafe"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/discovery/install"
	proxyutiltest "k8s.io/kubernetes/pkg/proxy/util/testing"
)

// The settings that kubehop plays; kubeadm's, with the addresses of the playground.
const (
	podCIDR       = "10.244.0.0/16"
	serviceCIDR   = "10.96.0.0/16"
	masqueradeBit = 14
)

// cluster is what a rules or DNS case holds.
type cluster struct {
	headers    map[string][]string
	nodes      []*v1.Node
	services   []*v1.Service
	slices     []*discovery.EndpointSlice
	pods       []*v1.Pod
	namespaces []*v1.Namespace
	endpoints  []*v1.Endpoints
}

// headers reads the "# key: value" lines above the first document.
func headers(input []byte) map[string][]string {
	found := map[string][]string{}
	scanner := bufio.NewScanner(bytes.NewReader(input))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := scanner.Text()
		if !strings.HasPrefix(line, "#") {
			break
		}
		key, value, ok := strings.Cut(strings.TrimSpace(line[1:]), ": ")
		if ok && !strings.Contains(key, " ") {
			found[key] = append(found[key], strings.TrimSpace(value))
		}
	}
	return found
}

// header is the last value of a header, or the fallback.
func (c *cluster) header(key, fallback string) string {
	if values := c.headers[key]; len(values) > 0 {
		return values[len(values)-1]
	}
	return fallback
}

// readCluster decodes the documents and gives them the defaults that a stored object has.
func readCluster(input []byte) (*cluster, error) {
	c := &cluster{headers: headers(input)}
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(input)))
	decoder := legacyscheme.Codecs.UniversalDeserializer()
	for {
		document, err := reader.Read()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return nil, err
		}
		json, err := yaml.ToJSON(document)
		if err != nil {
			return nil, err
		}
		if s := bytes.TrimSpace(json); len(s) == 0 || string(s) == "null" {
			continue
		}
		object, _, err := decoder.Decode(json, nil, nil)
		if err != nil {
			return nil, err
		}
		if err := c.add(object); err != nil {
			return nil, err
		}
	}
}

func (c *cluster) add(object runtime.Object) error {
	legacyscheme.Scheme.Default(object)
	switch o := object.(type) {
	case *v1.Node:
		c.nodes = append(c.nodes, o)
	case *v1.Service:
		o.Namespace = orDefault(o.Namespace)
		completeService(o)
		c.services = append(c.services, o)
	case *discovery.EndpointSlice:
		o.Namespace = orDefault(o.Namespace)
		c.slices = append(c.slices, o)
	case *v1.Pod:
		o.Namespace = orDefault(o.Namespace)
		c.pods = append(c.pods, o)
	case *v1.Endpoints:
		o.Namespace = orDefault(o.Namespace)
		c.endpoints = append(c.endpoints, o)
	case *v1.Namespace:
		c.namespaces = append(c.namespaces, o)
	default:
		return fmt.Errorf("a cluster does not hold a %T", object)
	}
	return nil
}

func orDefault(namespace string) string {
	if namespace == "" {
		return "default"
	}
	return namespace
}

// completeService fills what the Service registry adds beside the defaults.
func completeService(s *v1.Service) {
	if s.Spec.Type == v1.ServiceTypeExternalName {
		return
	}
	if len(s.Spec.ClusterIPs) == 0 && s.Spec.ClusterIP != "" {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
	if len(s.Spec.IPFamilies) == 0 {
		s.Spec.IPFamilies = []v1.IPFamily{v1.IPv4Protocol}
	}
	if s.Spec.IPFamilyPolicy == nil {
		single := v1.IPFamilyPolicySingleStack
		s.Spec.IPFamilyPolicy = &single
	}
}

// readNode is a cluster with the node whose rules are printed: the header "node", or the first one.
func readNode(input []byte) (*cluster, *v1.Node, net.IP, error) {
	c, err := readCluster(input)
	if err != nil {
		return nil, nil, nil, err
	}
	name := c.header("node", "")
	for _, node := range c.nodes {
		if name != "" && node.Name != name {
			continue
		}
		for _, address := range node.Status.Addresses {
			if address.Type == v1.NodeInternalIP {
				return c, node, net.ParseIP(address.Address), nil
			}
		}
	}
	return nil, nil, nil, fmt.Errorf("no node %q with an InternalIP", name)
}

// proxiedServices are those that kube-proxy's informer lets through: labels and clusterIP are its selectors.
func (c *cluster) proxiedServices() []*v1.Service {
	var list []*v1.Service
	for _, s := range c.services {
		if _, other := s.Labels["service.kubernetes.io/service-proxy-name"]; !other && s.Spec.ClusterIP != v1.ClusterIPNone {
			list = append(list, s)
		}
	}
	return list
}

// proxiedSlices are those that kube-proxy's informer lets through.
func (c *cluster) proxiedSlices() []*discovery.EndpointSlice {
	var list []*discovery.EndpointSlice
	for _, s := range c.slices {
		if _, headless := s.Labels[v1.IsHeadlessService]; !headless {
			list = append(list, s)
		}
	}
	return list
}

// fakeInterfaces is a host with lo and one interface that owns the node's address.
func fakeInterfaces(nodeIP net.IP) *proxyutiltest.FakeNetwork {
	network := proxyutiltest.NewFakeNetwork()
	network.AddInterfaceAddr(&net.Interface{Index: 0, Name: "lo"}, []net.Addr{
		&net.IPNet{IP: net.IPv4(127, 0, 0, 1), Mask: net.CIDRMask(8, 32)},
	})
	network.AddInterfaceAddr(&net.Interface{Index: 1, Name: "eth0"}, []net.Addr{
		&net.IPNet{IP: nodeIP, Mask: net.CIDRMask(24, 32)},
	})
	return network
}

// setField replaces a private field that would touch the host.
func setField(object any, name string, value any) {
	field := reflect.ValueOf(object).Elem().FieldByName(name)
	field = reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
	if value == nil {
		field.SetZero()
	} else {
		field.Set(reflect.ValueOf(value))
	}
}
