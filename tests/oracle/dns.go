package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	corednskubernetes "github.com/coredns/coredns/plugin/kubernetes"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// stanza is kubeadm's part of the Corefile that decides about cluster names.
const stanza = `kubernetes cluster.local in-addr.arpa ip6.arpa {
	pods insecure
	fallthrough in-addr.arpa ip6.arpa
	ttl 30
}`

// reply is what the server answered to one query. An SOA carries a serial number from the clock, which is printed
// as 0; of the authority section only names and types are told.
type reply struct {
	Query      string      `json:"query"`
	Type       string      `json:"type"`
	Rcode      string      `json:"rcode"`
	Answers    []dnsRecord `json:"answers"`
	Authority  []string    `json:"authority,omitempty"`
	Additional []dnsRecord `json:"additional,omitempty"`
	// Forwarded says that the name is none of the cluster's.
	Forwarded bool `json:"forwarded,omitempty"`
}

type dnsRecord struct {
	Name string `json:"name"`
	TTL  uint32 `json:"ttl"`
	Type string `json:"type"`
	Data string `json:"data"`
}

// runDNS answers the queries in the headers "# query: NAME TYPE" from the cluster's objects.
func runDNS(input []byte) ([]byte, error) {
	c, err := readCluster(input)
	if err != nil {
		return nil, err
	}
	server, stop, err := c.dnsServer()
	if err != nil {
		return nil, err
	}
	defer stop()
	replies := []reply{}
	for _, query := range c.headers["query"] {
		fields := strings.Fields(query)
		if len(fields) != 2 {
			return nil, fmt.Errorf("a query is NAME TYPE, not %q", query)
		}
		r, err := server.ask(fields[0], fields[1])
		if err != nil {
			return nil, err
		}
		replies = append(replies, r)
	}
	return indented(replies, " ")
}

// dnsServer is CoreDNS' own server with the kubernetes plugin and, for all else, a forward that knows no name.
type dnsServer struct {
	*dnsserver.Server
	outside *outside
}

type outside struct{ asked bool }

func (o *outside) Name() string { return "forward" }

func (o *outside) ServeDNS(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	o.asked = true
	m := new(dns.Msg)
	m.SetRcode(r, dns.RcodeNameError)
	return dns.RcodeNameError, w.WriteMsg(m)
}

func (c *cluster) dnsServer() (*dnsServer, func(), error) {
	// The in-process API server lists; it does not stream lists over a watch.
	if err := utilfeature.DefaultMutableFeatureGate.Set("WatchListClient=false"); err != nil {
		return nil, nil, err
	}
	controller := caddy.NewTestController("dns", stanza)
	controller.Next()
	k, err := corednskubernetes.ParseStanza(controller)
	if err != nil {
		return nil, nil, err
	}
	k.ClientConfig = inProcess{c}
	if _, _, err := k.InitKubeCache(context.Background()); err != nil {
		return nil, nil, err
	}
	go k.APIConn.Run()
	for i := 0; !k.APIConn.HasSynced(); i++ {
		if i > 5000 {
			return nil, nil, fmt.Errorf("the kubernetes plugin does not sync")
		}
		time.Sleep(time.Millisecond)
	}
	forward := &outside{}
	config := &dnsserver.Config{Zone: ".", ListenHosts: []string{""}, Port: "53", Transport: "dns"}
	config.AddPlugin(func(next plugin.Handler) plugin.Handler { k.Next = forward; return k })
	server, err := dnsserver.NewServer("dns://127.0.0.1:0", []*dnsserver.Config{config})
	if err != nil {
		return nil, nil, err
	}
	return &dnsServer{server, forward}, func() { k.APIConn.Stop() }, nil
}

func (s *dnsServer) ask(name, kind string) (reply, error) {
	code, ok := dns.StringToType[kind]
	if !ok {
		return reply{}, fmt.Errorf("no record type %q", kind)
	}
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), code)
	s.outside.asked = false
	// Over TCP, where no answer is cut off.
	writer := dnstest.NewRecorder(&test.ResponseWriter{TCP: true})
	ctx := context.WithValue(context.Background(), dnsserver.Key{}, s.Server)
	ctx = context.WithValue(ctx, dnsserver.LoopKey{}, 0)
	s.ServeDNS(ctx, writer, question)
	if writer.Msg == nil {
		return reply{}, fmt.Errorf("no answer to %s %s", name, kind)
	}
	r := reply{Query: dns.Fqdn(name), Type: kind, Rcode: dns.RcodeToString[writer.Msg.Rcode],
		Answers: records(writer.Msg.Answer), Additional: records(writer.Msg.Extra)}
	if s.outside.asked && len(r.Answers) == 0 {
		r.Forwarded = true
	}
	for _, record := range writer.Msg.Ns {
		r.Authority = append(r.Authority, record.Header().Name+" "+dns.TypeToString[record.Header().Rrtype])
	}
	return r, nil
}

// records are sorted, but for a chain of aliases: kubeadm's Corefile shuffles addresses anyway (loadbalance).
func records(list []dns.RR) []dnsRecord {
	found := []dnsRecord{}
	for _, record := range list {
		header := record.Header()
		if soa, ok := record.(*dns.SOA); ok {
			soa.Serial = 0
		}
		data := strings.TrimPrefix(record.String(), header.String())
		found = append(found, dnsRecord{header.Name, header.Ttl, dns.TypeToString[header.Rrtype], data})
	}
	slices.SortStableFunc(found, func(a, b dnsRecord) int {
		if a.Type == "CNAME" || b.Type == "CNAME" {
			return 0
		}
		return strings.Compare(text(a), text(b))
	})
	return found
}

// inProcess is an API server that CoreDNS lists and watches without a network.
type inProcess struct{ cluster *cluster }

func (p inProcess) RawConfig() (clientcmdapi.Config, error) { return clientcmdapi.Config{}, nil }
func (p inProcess) Namespace() (string, bool, error)        { return "", false, nil }
func (p inProcess) ConfigAccess() clientcmd.ConfigAccess    { return nil }
func (p inProcess) ClientConfig() (*rest.Config, error) {
	return &rest.Config{Host: "http://cluster", Transport: p, QPS: -1}, nil
}

func (p inProcess) RoundTrip(request *http.Request) (*http.Response, error) {
	response := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Request: request}
	if request.URL.Query().Get("watch") != "" {
		reader, writer := io.Pipe()
		context.AfterFunc(request.Context(), func() { writer.Close() })
		response.Body = reader
		return response, nil
	}
	body, err := p.cluster.list(request.URL.Path)
	if err != nil {
		response.StatusCode = 404
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// list is the answer to a GET of all objects of a resource.
func (c *cluster) list(path string) ([]byte, error) {
	var items []runtime.Object
	kind, version := "", "v1"
	switch path {
	case "/api/v1/services":
		kind = "ServiceList"
		for _, s := range c.services {
			items = append(items, s)
		}
	case "/apis/discovery.k8s.io/v1/endpointslices":
		kind, version = "EndpointSliceList", "discovery.k8s.io/v1"
		for _, s := range c.slices {
			items = append(items, s)
		}
	case "/api/v1/namespaces":
		return c.namespaceList(), nil
	default:
		return nil, fmt.Errorf("no resource at %s", path)
	}
	list := map[string]any{"kind": kind, "apiVersion": version, "metadata": map[string]string{"resourceVersion": "1"},
		"items": items}
	if items == nil {
		list["items"] = []any{}
	}
	return json.Marshal(list)
}

func (c *cluster) namespaceList() []byte {
	names := []string{"default", "kube-system"}
	for _, n := range c.namespaces {
		names = append(names, n.Name)
	}
	for _, s := range c.services {
		names = append(names, s.Namespace)
	}
	slices.Sort(names)
	var items []any
	for _, name := range slices.Compact(names) {
		items = append(items, map[string]any{"metadata": map[string]string{"name": name}})
	}
	body, _ := json.Marshal(map[string]any{"kind": "NamespaceList", "apiVersion": "v1",
		"metadata": map[string]string{"resourceVersion": "1"}, "items": items})
	return body
}
