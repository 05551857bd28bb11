// The Temporal server of `npm start`, the demo and the tests: every service in one process, kept in SQLite, with the
// Web UI. It takes the arguments of `temporal server start-dev` that dev-server.ts passes, so that either can be run.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	stdlog "log"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/common/testing/freeport"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	"gopkg.in/yaml.v3"
)

const (
	clusterName = "active"
	store       = "sqlite"
)

type settings struct {
	ip, namespace, logLevel, dbFile, codecEndpoint string
	port, uiPort, metricsPort                      int
	headless                                       bool
	pragmas                                        map[string]string
	searchAttributes                               map[string]enums.IndexedValueType
	dynamicConfig                                  dynamicconfig.StaticClient
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		stdlog.Fatal(err)
	}
}

func run(arguments []string) error {
	s, err := read(arguments)
	if err != nil {
		return err
	}
	sql, err := s.database()
	if err != nil {
		return err
	}
	conf, hosts := s.config(sql)
	server, err := temporal.NewServer(
		temporal.WithConfig(conf),
		temporal.ForServices(temporal.DefaultServices),
		// Without gossip: no other node ever joins.
		temporal.WithStaticHosts(hosts),
		temporal.WithDynamicConfigClient(s.dynamicConfig),
		temporal.WithLogger(log.NewZapLogger(log.BuildZapLogger(log.Config{Level: s.logLevel, Format: "console"}))),
		temporal.InterruptOn(temporal.InterruptCh()),
	)
	if err != nil {
		return err
	}
	if !s.headless {
		ui := s.ui()
		defer ui.Stop()
		go func() {
			if err := ui.Start(); err != nil {
				stdlog.Fatal(err)
			}
		}()
	}
	// Until SIGINT or SIGTERM.
	return server.Start()
}

func read(arguments []string) (*settings, error) {
	if len(arguments) < 2 || arguments[0] != "server" || arguments[1] != "start-dev" {
		return nil, errors.New("the arguments begin with: server start-dev")
	}
	s := &settings{
		pragmas:          map[string]string{},
		searchAttributes: map[string]enums.IndexedValueType{},
		dynamicConfig: dynamicconfig.StaticClient{
			// The default is for a machine that runs nothing else.
			dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): 8096,
			// The defaults keep the tenants of a cluster from each other.
			dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,
			dynamicconfig.FrontendPersistenceMaxQPS.Key():                    10000,
			dynamicconfig.HistoryPersistenceMaxQPS.Key():                     45000,
		},
	}
	flags := flag.NewFlagSet("server start-dev", flag.ContinueOnError)
	flags.StringVar(&s.ip, "ip", "127.0.0.1", "address to listen on")
	flags.IntVar(&s.port, "port", 7233, "port of gRPC")
	flags.IntVar(&s.uiPort, "ui-port", 8233, "port of the Web UI")
	flags.BoolVar(&s.headless, "headless", false, "no Web UI")
	flags.StringVar(&s.codecEndpoint, "ui-codec-endpoint", "", "codec server that the UI asks")
	flags.IntVar(&s.metricsPort, "metrics-port", 0, "port of the Prometheus metrics; 0 for none")
	flags.StringVar(&s.namespace, "namespace", "default", "namespace to register")
	flags.StringVar(&s.logLevel, "log-level", "warn", "debug, info, warn or error")
	flags.String("color", "never", "ignored: the output has no colours")
	flags.StringVar(&s.dbFile, "db-filename", "", "SQLite file; everything is kept in memory without one")
	pair(flags, "sqlite-pragma", "name=value", func(name, value string) error {
		s.pragmas[name] = value
		return nil
	})
	pair(flags, "search-attribute", "name=type", func(name, value string) (err error) {
		s.searchAttributes[name], err = enums.IndexedValueTypeFromString(value)
		return err
	})
	pair(flags, "dynamic-config-value", "key=JSON", func(key, value string) error {
		var decoded any
		err := yaml.Unmarshal([]byte(value), &decoded)
		s.dynamicConfig[dynamicconfig.MakeKey(key)] = decoded
		return err
	})
	if err := flags.Parse(arguments[2:]); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("not an option: %s", flags.Arg(0))
	}
	return s, nil
}

func pair(flags *flag.FlagSet, name, usage string, keep func(key, value string) error) {
	flags.Func(name, usage, func(text string) error {
		key, value, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("%s is wanted", usage)
		}
		return keep(key, value)
	})
}

// database answers what opens it, with its schema and the namespace in it.
func (s *settings) database() (*config.SQL, error) {
	sql := &config.SQL{PluginName: sqliteplugin.PluginName, ConnectAttributes: s.pragmas}
	if s.dbFile == "" {
		sql.DatabaseName = "memory"
		sql.ConnectAttributes["mode"] = "memory"
		sql.ConnectAttributes["cache"] = "shared"
	} else {
		sql.DatabaseName = s.dbFile
		sql.ConnectAttributes["mode"] = "rwc"
		if _, err := os.Stat(s.dbFile); errors.Is(err, fs.ErrNotExist) {
			if err := sqlite.SetupSchema(sql); err != nil {
				return nil, err
			}
		}
	}
	namespace, err := sqlite.NewNamespaceConfig(clusterName, s.namespace, false, s.searchAttributes)
	if err != nil {
		return nil, err
	}
	return sql, sqlite.CreateNamespaces(sql, namespace)
}

func (s *settings) config(sql *config.SQL) (*config.Config, map[primitives.ServiceName]static.Hosts) {
	frontend := net.JoinHostPort(s.ip, strconv.Itoa(s.port))
	conf := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     store,
			VisibilityStore:  store,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{store: {SQL: sql}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: frontend},
		Services:            map[string]config.Service{},
	}
	conf.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: s.ip}
	if s.metricsPort != 0 {
		address := net.JoinHostPort(s.ip, strconv.Itoa(s.metricsPort))
		conf.Global.Metrics = &metrics.Config{Prometheus: &metrics.PrometheusConfig{ListenAddress: address, HandlerPath: "/metrics"}}
	}
	hosts := map[primitives.ServiceName]static.Hosts{}
	for _, name := range temporal.DefaultServices {
		port := s.port
		if name != string(primitives.FrontendService) {
			port = freeport.MustGetFreePort()
		}
		conf.Services[name] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: s.ip}}
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(net.JoinHostPort(s.ip, strconv.Itoa(port)))
	}
	return conf, hosts
}

func (s *settings) ui() *uiserver.Server {
	return uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host:                s.ip,
		Port:                s.uiPort,
		TemporalGRPCAddress: net.JoinHostPort(s.ip, strconv.Itoa(s.port)),
		EnableUI:            true,
		Codec:               uiconfig.Codec{Endpoint: s.codecEndpoint},
		// It is served without TLS.
		CORS:     uiconfig.CORS{CookieInsecure: true},
		HideLogs: true,
	}))
}
