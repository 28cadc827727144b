package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	"k8s.io/endpointslice"
	"k8s.io/endpointslice/topologycache"
	sliceutil "k8s.io/endpointslice/util"
	"k8s.io/klog/v2"
)

// group is the slices of one Service that have the same ports. Which endpoint stands in which of several full
// slices is random upstream, so only their sizes are told.
type group struct {
	Service     string                   `json:"service"`
	Labels      map[string]string        `json:"labels"`
	Annotations map[string]string        `json:"annotations,omitempty"`
	AddressType discovery.AddressType    `json:"addressType"`
	Ports       []discovery.EndpointPort `json:"ports"`
	Sizes       []int                    `json:"sizes"`
	Endpoints   []discovery.Endpoint     `json:"endpoints"`
}

// runSlices prints the EndpointSlices that the controller writes for each Service of a cluster.
func runSlices(input []byte) ([]byte, error) {
	c, err := readCluster(input)
	if err != nil {
		return nil, err
	}
	groups := []group{}
	slices.SortFunc(c.services, func(a, b *v1.Service) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	for _, s := range c.services {
		// The controller's own conditions before it reconciles. It asks for a selector that is nil, which an empty one
		// is, too, once it has been stored: protobuf knows no empty maps.
		if s.Spec.Type == v1.ServiceTypeExternalName || len(s.Spec.Selector) == 0 {
			continue
		}
		written, err := c.reconcile(s)
		if err != nil {
			return nil, err
		}
		groups = append(groups, grouped(s, written)...)
	}
	return indented(groups, "  ")
}

func (c *cluster) reconcile(s *v1.Service) ([]discovery.EndpointSlice, error) {
	client := fake.NewSimpleClientset()
	named := 0
	client.PrependReactor("create", "endpointslices", func(action clienttesting.Action) (bool, runtime.Object, error) {
		named++
		slice := action.(clienttesting.CreateAction).GetObject().(*discovery.EndpointSlice)
		slice.Name = fmt.Sprintf("%s%d", slice.GenerateName, named)
		return false, slice, nil
	})
	factory := informers.NewSharedInformerFactory(client, 0)
	nodes := factory.Core().V1().Nodes()
	for _, node := range c.nodes {
		nodes.Informer().GetStore().Add(node)
	}
	topology := topologycache.NewTopologyCache()
	topology.SetNodes(klog.Background(), c.nodes)
	reconciler := endpointslice.NewReconciler(client, nodes.Lister(), 100, sliceutil.NewEndpointSliceTracker(), topology,
		record.NewFakeRecorder(100), "endpointslice-controller.k8s.io",
		endpointslice.WithPreferSameTrafficDistributionEnabled(true))
	selector := labels.Set(s.Spec.Selector).AsSelectorPreValidated()
	var pods []*v1.Pod
	for _, pod := range c.pods {
		if pod.Namespace == s.Namespace && selector.Matches(labels.Set(pod.Labels)) {
			pods = append(pods, pod)
		}
	}
	// A Pod on a node that is not there is an error that makes the controller try again later; the slices for the
	// other Pods are written all the same.
	err := reconciler.Reconcile(klog.Background(), s, pods, nil, time.Time{})
	if err != nil && !strings.Contains(err.Error(), "skipping Pod") {
		return nil, err
	}
	list, err := client.DiscoveryV1().EndpointSlices(s.Namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

func grouped(s *v1.Service, written []discovery.EndpointSlice) []group {
	byPorts := map[string]*group{}
	for _, slice := range written {
		slices.SortFunc(slice.Ports, func(a, b discovery.EndpointPort) int { return strings.Compare(text(a), text(b)) })
		key := string(slice.AddressType) + text(slice.Ports)
		g := byPorts[key]
		if g == nil {
			g = &group{Service: s.Namespace + "/" + s.Name, Labels: slice.Labels, Annotations: slice.Annotations,
				AddressType: slice.AddressType, Ports: slice.Ports}
			byPorts[key] = g
		}
		g.Sizes = append(g.Sizes, len(slice.Endpoints))
		g.Endpoints = append(g.Endpoints, slice.Endpoints...)
	}
	var list []group
	for _, g := range byPorts {
		slices.Sort(g.Sizes)
		slices.SortFunc(g.Endpoints, func(a, b discovery.Endpoint) int { return strings.Compare(text(a), text(b)) })
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b group) int { return strings.Compare(text(a.Ports), text(b.Ports)) })
	return list
}

// text is a value's JSON, to compare by.
func text(value any) string {
	bytes, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(bytes)
}
