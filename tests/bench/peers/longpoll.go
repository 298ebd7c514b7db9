// SPDX-License-Identifier: ISC

// The peer: long polling and event streams as an ordinary Go service does them. Every resource has a channel that
// the next change closes; a held request is a goroutine that waits for it.
//
//	longpoll unix:/run/longpoll.sock    or    longpoll 127.0.0.1:8081
//
// GET /PATH?index=N&wait=60s reads, PUT /publish/PATH stores, GET /status tells how many wait.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// state never changes; a change puts a new one into its place and then closes changed.
type state struct {
	index, etag []string
	kind        []string // Content-Type; nil: there is no document
	body        []byte
	changed     chan struct{}
}

type resource struct {
	now  atomic.Pointer[state]
	turn sync.Mutex // of those who change it
}

const waitMax = 60 * time.Second

var (
	resources sync.Map
	index     atomic.Uint64
	waiting   atomic.Int64
	noStore   = []string{"no-store"}
	vary      = []string{"Prefer"}

	eventStream = []string{"text/event-stream"}
)

func find(path string) *resource {
	if found, ok := resources.Load(path); ok {
		return found.(*resource)
	}
	fresh := new(resource)
	fresh.now.Store(&state{index: []string{"0"}, etag: []string{`"0"`}, changed: make(chan struct{})})
	found, _ := resources.LoadOrStore(path, fresh)
	return found.(*resource)
}

// hold returns false where the client has gone.
func hold(r *http.Request, present *state, wait time.Duration) bool {
	waiting.Add(1)
	defer waiting.Add(-1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-present.changed:
	case <-timer.C:
	case <-r.Context().Done():
		return false
	}
	return true
}

func read(w http.ResponseWriter, r *http.Request) {
	at := find(r.URL.Path)
	present := at.now.Load()
	unchanged := false
	if r.URL.RawQuery != "" {
		query := r.URL.Query()
		wait, err := time.ParseDuration(query.Get("wait"))
		if err != nil || wait > waitMax {
			wait = waitMax
		}
		if query.Get("index") == present.index[0] {
			if !hold(r, present, wait) {
				return
			}
			latest := at.now.Load()
			present, unchanged = latest, latest == present
		}
	}
	header := w.Header()
	header["X-Polling-Index"], header["Etag"] = present.index, present.etag
	header["Cache-Control"], header["Vary"] = noStore, vary
	if unchanged {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header["Content-Length"] = []string{strconv.Itoa(len(present.body))}
	if present.kind == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	header["Content-Type"] = present.kind
	w.Write(present.body)
}

// stream tells the present state and then each that it sees, until the client has gone.
func stream(w http.ResponseWriter, r *http.Request) {
	at := find(r.URL.Path)
	present := at.now.Load()
	header := w.Header()
	header["X-Polling-Index"], header["Cache-Control"] = present.index, noStore
	header["Content-Type"], header["X-Accel-Buffering"] = eventStream, []string{"no"}
	flusher := w.(http.Flusher)
	waiting.Add(1)
	defer waiting.Add(-1)
	heartbeat := time.NewTicker(20 * time.Second)
	defer heartbeat.Stop()
	for {
		fmt.Fprintf(w, "id: %s\ndata: %s\n\n", present.index[0], present.body)
		flusher.Flush()
		for waits := true; waits; {
			select {
			case <-present.changed:
				present, waits = at.now.Load(), false
			case <-heartbeat.C:
				io.WriteString(w, ":\n")
				flusher.Flush()
			case <-r.Context().Done():
				return
			}
		}
	}
}

func publish(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	at := find(strings.TrimPrefix(r.URL.Path, "/publish"))
	at.turn.Lock()
	before := at.now.Load()
	next := strconv.FormatUint(index.Add(1), 10)
	at.now.Store(&state{[]string{next}, []string{`"` + next + `"`},
		[]string{r.Header.Get("Content-Type")}, body, make(chan struct{})})
	at.turn.Unlock()
	close(before.changed)
	w.Header()["X-Polling-Index"] = []string{next}
	if before.kind == nil {
		w.WriteHeader(http.StatusCreated)
	} else {
		w.WriteHeader(http.StatusNoContent)
	}
}

func serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/status":
		fmt.Fprintf(w, `{"waiting":%d}`, waiting.Load())
	case r.Method == http.MethodGet && r.Header.Get("Accept") == eventStream[0]:
		stream(w, r)
	case r.Method == http.MethodGet:
		read(w, r)
	case r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/publish/"):
		publish(w, r)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func main() {
	network, address := "tcp", os.Args[1]
	if strings.HasPrefix(address, "unix:") {
		network, address = "unix", address[len("unix:"):]
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		log.Fatal(err)
	}
	index.Store(uint64(time.Now().UnixMicro()))
	log.Fatal(http.Serve(listener, http.HandlerFunc(serve)))
}
