package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apiserver/pkg/endpoints/deprecation"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	api "k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/registry/core/service/ipallocator"
	"k8s.io/kubernetes/pkg/registry/core/service/portallocator"
	servicestorage "k8s.io/kubernetes/pkg/registry/core/service/storage"
)

// stored is an object after its admission, and the document that it came from.
type stored struct {
	object   runtime.Object
	document []byte
}

// server is an API server without storage: the registries' strategies, the Service allocators and the objects
// that were admitted.
type server struct {
	objects  map[string]stored
	services *servicestorage.REST
	taken    []net.IP
	// chosen holds pairs of a random text, such as a UID, and the word that is printed for it.
	chosen []string
}

// The allocator of cluster IPs works through a client and informers, so one serves the whole run.
var allocator struct {
	once sync.Once
	ips  ipallocator.Interface
	err  error
}

func clusterIPs() (ipallocator.Interface, error) {
	allocator.once.Do(func() {
		client := fake.NewSimpleClientset(&networkingv1.ServiceCIDR{
			ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"},
			Spec:       networkingv1.ServiceCIDRSpec{CIDRs: []string{serviceCIDR}},
			Status: networkingv1.ServiceCIDRStatus{Conditions: []metav1.Condition{{
				Type: networkingv1.ServiceCIDRConditionReady, Status: metav1.ConditionTrue}}},
		})
		keepAddresses(client)
		factory := informers.NewSharedInformerFactory(client, 0)
		ips, err := ipallocator.NewMetaAllocator(client.NetworkingV1(), factory.Networking().V1().ServiceCIDRs(),
			factory.Networking().V1().IPAddresses(), false, nil)
		if err != nil {
			allocator.err = err
			return
		}
		factory.Start(context.Background().Done())
		factory.WaitForCacheSync(context.Background().Done())
		probe := net.ParseIP("10.96.255.254")
		for i := 0; i < 1000; i++ {
			if err = ips.Allocate(probe); err == nil {
				ips.Release(probe)
				allocator.ips = ips
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		allocator.err = fmt.Errorf("the cluster IP allocator does not start: %w", err)
	})
	return allocator.ips, allocator.err
}

// keepAddresses answers for IPAddress objects itself: the client's own tracker would fill its watchers.
func keepAddresses(client *fake.Clientset) {
	resource := schema.GroupResource{Group: networkingv1.GroupName, Resource: "ipaddresses"}
	taken := map[string]bool{}
	client.PrependReactor("create", "ipaddresses", func(action clienttesting.Action) (bool, runtime.Object, error) {
		ip := action.(clienttesting.CreateAction).GetObject().(*networkingv1.IPAddress)
		if taken[ip.Name] {
			return true, nil, apierrors.NewAlreadyExists(resource, ip.Name)
		}
		taken[ip.Name] = true
		return true, ip, nil
	})
	client.PrependReactor("delete", "ipaddresses", func(action clienttesting.Action) (bool, runtime.Object, error) {
		delete(taken, action.(clienttesting.DeleteAction).GetName())
		return true, nil, nil
	})
}

// recordingIPs remembers what one server took, so that the next one finds the addresses free.
type recordingIPs struct {
	ipallocator.Interface
	taken *[]net.IP
}

func (r recordingIPs) Allocate(ip net.IP) error {
	err := r.Interface.Allocate(ip)
	if err == nil {
		*r.taken = append(*r.taken, ip)
	}
	return err
}

func (r recordingIPs) AllocateNext() (net.IP, error) {
	ip, err := r.Interface.AllocateNext()
	if err == nil {
		*r.taken = append(*r.taken, ip)
	}
	return ip, err
}

// noStorage gives a registry options that let it be built; nothing is ever written.
type noStorage struct{}

func (noStorage) GetRESTOptions(schema.GroupResource, runtime.Object) (generic.RESTOptions, error) {
	config := &storagebackend.Config{Codec: legacyscheme.Codecs.LegacyCodec(schema.GroupVersion{Version: "v1"})}
	return generic.RESTOptions{
		StorageConfig: config.ForResource(schema.GroupResource{}), ResourcePrefix: "services",
		Decorator: func(*storagebackend.ConfigForResource, string, func(runtime.Object) (string, error),
			func() runtime.Object, func() runtime.Object, storage.AttrFunc, storage.IndexerFuncs,
			*cache.Indexers) (storage.Interface, factory.DestroyFunc, error) {
			return nil, func() {}, nil
		},
	}, nil
}

// newServer is a cluster with default/kubernetes and kube-system/kube-dns in it.
func newServer() (*server, error) {
	s := &server{objects: map[string]stored{}}
	ips, err := clusterIPs()
	if err != nil {
		return nil, err
	}
	recording := recordingIPs{ips, &s.taken}
	for _, ip := range []string{"10.96.0.1", "10.96.0.10"} {
		if err := recording.Allocate(net.ParseIP(ip)); err != nil {
			return nil, fmt.Errorf("%s: %w", ip, err)
		}
	}
	ports, err := portallocator.NewInMemory(utilnet.PortRange{Base: 30000, Size: 2768})
	if err != nil {
		return nil, err
	}
	s.services, _, _, err = servicestorage.NewREST(noStorage{}, api.IPv4Protocol,
		map[api.IPFamily]ipallocator.Interface{api.IPv4Protocol: recording}, ports, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		s.objects["Namespace//"+name] = stored{}
	}
	return s, nil
}

func (s *server) close() {
	for _, ip := range s.taken {
		allocator.ips.Release(ip)
	}
}

// create follows the API server's create handler: strict decoding with defaults, then the registry's strategy,
// for Services after the allocators. An object that exists is updated instead.
func (s *server) create(body []byte, gvk schema.GroupVersionKind, strategy strategy, namespace string) answer {
	object, problems := decode(body, gvk)
	if problems != nil {
		return refused("decode", problems...)
	}
	metadata, err := meta.Accessor(object)
	if err != nil {
		return refused("decode", problem{Message: err.Error()})
	}
	key := gvk.Kind + "/" + namespace + "/" + metadata.GetName()
	if before, exists := s.objects[key]; exists && before.object != nil {
		return s.update(key, before, body, gvk, strategy, namespace)
	}
	rest.WipeObjectMetaSystemFields(metadata)
	if err := rest.EnsureObjectNamespaceMatchesRequestNamespace(namespace, metadata); err != nil {
		return refused("validate", statusErrors(err)...)
	}
	if _, exists := s.objects["Namespace//"+namespace]; namespace != "" && !exists {
		err := apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, namespace)
		return refused("admission", problem{Message: err.Error()})
	}
	var warned warnings
	ctx := requestContext(gvk, namespace, "create", &warned)
	rest.FillObjectMetaSystemFields(metadata)
	if metadata.GetGenerateName() != "" && metadata.GetName() == "" {
		metadata.SetName(strategy.GenerateName(metadata.GetGenerateName()))
		s.chosen = append(s.chosen, metadata.GetName(), metadata.GetGenerateName()+"<generated>")
	}
	s.chosen = append(s.chosen, string(metadata.GetUID()), "<uid>")
	finish := func(context.Context, bool) {}
	if gvk.Kind == "Service" {
		if finish, err = s.services.BeginCreate(ctx, object, &metav1.CreateOptions{}); err != nil {
			return refused("allocate", statusErrors(err)...)
		}
	}
	if err := rest.BeforeCreate(strategy, ctx, object); err != nil {
		finish(ctx, false)
		return answer{Stage: "validate", Errors: statusErrors(err), Warnings: warned}
	}
	finish(ctx, true)
	s.objects[key] = stored{object, body}
	return accepted(object, body, gvk, warned)
}

func accepted(object runtime.Object, body []byte, gvk schema.GroupVersionKind, warned warnings) answer {
	// The installer of the API's endpoints warns of versions that are deprecated.
	if versioned, err := legacyscheme.Scheme.New(gvk); err == nil && deprecation.IsDeprecated(versioned, 1, 36) {
		versioned.GetObjectKind().SetGroupVersionKind(gvk)
		warned = append(warned, deprecation.WarningMessage(versioned))
	}
	fields, err := printed(object, gvk)
	if err != nil {
		return refused("print", problem{Message: err.Error()})
	}
	if gvk.Kind == "Service" {
		var given map[string]any
		if json.Unmarshal(body, &given) == nil {
			maskAllocated(given, fields)
		}
	}
	return answer{Accepted: true, Warnings: warned, Object: fields}
}

// decode is the handler's strict decoding into the internal version, defaults included.
func decode(body []byte, gvk schema.GroupVersionKind) (runtime.Object, []problem) {
	info, _ := runtime.SerializerInfoForMediaType(legacyscheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeJSON)
	hub := schema.GroupVersion{Group: gvk.Group, Version: runtime.APIVersionInternal}
	into, err := legacyscheme.Scheme.New(hub.WithKind(gvk.Kind))
	if err != nil {
		return nil, []problem{{Message: err.Error()}}
	}
	object, _, err := legacyscheme.Codecs.DecoderToVersion(info.StrictSerializer, hub).Decode(body, &gvk, into)
	if err != nil {
		return nil, decodeErrors(err)
	}
	return object, nil
}

// update is "kubectl apply" of a changed document: the three-way merge, then the update handler.
func (s *server) update(key string, before stored, body []byte, gvk schema.GroupVersionKind, strategy strategy, namespace string) answer {
	refuse := func(err error) answer { return refused("apply", problem{Message: err.Error()}) }
	current, err := legacyscheme.Scheme.ConvertToVersion(before.object, gvk.GroupVersion())
	if err != nil {
		return refuse(err)
	}
	currentJSON, err := json.Marshal(current)
	if err != nil {
		return refuse(err)
	}
	lookup, err := strategicpatch.NewPatchMetaFromStruct(current)
	if err != nil {
		return refuse(err)
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(before.document, body, currentJSON, lookup, true)
	if err != nil {
		return refuse(err)
	}
	merged, err := strategicpatch.StrategicMergePatch(currentJSON, patch, current)
	if err != nil {
		return refuse(err)
	}
	var withKind map[string]any
	if err := json.Unmarshal(merged, &withKind); err != nil {
		return refuse(err)
	}
	withKind["apiVersion"], withKind["kind"] = gvk.ToAPIVersionAndKind()
	if merged, err = json.Marshal(withKind); err != nil {
		return refuse(err)
	}
	object, problems := decode(merged, gvk)
	if problems != nil {
		return refused("decode", problems...)
	}
	var warned warnings
	ctx := requestContext(gvk, namespace, "update", &warned)
	old := before.object.DeepCopyObject()
	finish := func(context.Context, bool) {}
	if gvk.Kind == "Service" {
		if finish, err = s.services.BeginUpdate(ctx, object, old, &metav1.UpdateOptions{}); err != nil {
			return refused("allocate", statusErrors(err)...)
		}
	}
	if metadata, err := meta.Accessor(object); err == nil && metadata.GetResourceVersion() == "" {
		metadata.SetResourceVersion("1")
		if oldMetadata, err := meta.Accessor(old); err == nil {
			oldMetadata.SetResourceVersion("1")
		}
	}
	if err := rest.BeforeUpdate(strategy, ctx, object, old); err != nil {
		finish(ctx, false)
		return answer{Stage: "validate", Errors: statusErrors(err), Warnings: warned}
	}
	finish(ctx, true)
	if metadata, err := meta.Accessor(object); err == nil {
		metadata.SetResourceVersion("")
	}
	s.objects[key] = stored{object, body}
	return accepted(object, body, gvk, warned)
}
