package ariotel

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// other stands for what has no value of its own.
const other = "other"

// What is frequent enough to have a value of its own. With "other" each list has fewer than 20.
var (
	ownOperations = options(AttrOperation,
		"channelsAnswer", "channelsHangup", "channelsPlayWithId", "channelsRecord", "channelsOriginateWithId", "channelsCreate",
		"channelsDial", "channelsContinueInDialplan", "channelsMove", "channelsSetChannelVar", "channelsGetChannelVar",
		"channelsExternalMedia", "channelsSnoopChannelWithId", "bridgesCreateWithId", "bridgesAddChannel", "bridgesDestroy",
		"playbacksStop", "applicationsSubscribe")
	ownEvents = options(AttrEventType,
		"StasisStart", "StasisEnd", "ChannelCreated", "ChannelDestroyed", "ChannelStateChange", "ChannelHangupRequest",
		"ChannelDtmfReceived", "ChannelVarset", "ChannelDialplan", "ChannelEnteredBridge", "ChannelLeftBridge", "Dial",
		"PlaybackStarted", "PlaybackFinished", "RecordingStarted", "RecordingFinished", "BridgeCreated", "BridgeDestroyed")
	ownStatuses = []int{400, 401, 403, 404, 409, 412, 413, 422, 500, 501, 503}
)

// options makes the ready attribute sets of an attribute's values.
func options(key string, values ...string) map[string]metric.MeasurementOption {
	m := make(map[string]metric.MeasurementOption)
	for _, v := range append(values, other) {
		m[v] = metric.WithAttributeSet(attribute.NewSet(attribute.String(key, v)))
	}
	return m
}

// meters are the instruments that are written to as things happen.
type meters struct {
	meter metric.Meter

	calls, commands, laneWait, handlers, gap metric.Float64Histogram
	events, resync                           metric.Int64Counter
}

func newMeters(meter metric.Meter) (*meters, error) {
	m := &meters{meter: meter}
	var errs [7]error
	m.calls, errs[0] = meter.Float64Histogram(MetricCallDuration, metric.WithUnit("s"),
		metric.WithDescription("How long calls were in the application, by outcome."),
		metric.WithExplicitBucketBoundaries(1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600))
	m.commands, errs[1] = seconds(meter, MetricCommandDuration, "How long commands took, waiting and all attempts included.")
	m.laneWait, errs[2] = seconds(meter, MetricLaneWait, "How long events waited for their handler.")
	m.handlers, errs[3] = meter.Float64Histogram(MetricHandlerDuration, metric.WithUnit("s"),
		metric.WithDescription("How long handlers ran, by outcome."))
	m.gap, errs[4] = seconds(meter, MetricGap, "How long there was no connection.")
	m.events, errs[5] = meter.Int64Counter(MetricEvents, metric.WithDescription("Events taken in, by type."))
	m.resync, errs[6] = meter.Int64Counter(MetricResync, metric.WithDescription("Calls that had entered or ended during a gap."))
	return m, errors.Join(errs[:]...)
}

func seconds(meter metric.Meter, name, description string) (metric.Float64Histogram, error) {
	return meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30))
}

// watch reads a client's figures whenever metrics are collected, until ctx ends.
func (m *meters) watch(ctx context.Context, stats func() ari.Stats) error {
	var errs [6]error
	var calls, waiting, connected metric.Int64ObservableUpDownCounter
	var lost, bad, connections metric.Int64ObservableCounter
	calls, errs[0] = m.meter.Int64ObservableUpDownCounter(MetricCallsActive, metric.WithDescription("Channels in the application."))
	waiting, errs[1] = m.meter.Int64ObservableUpDownCounter(MetricLanesWaiting, metric.WithDescription("Events in all queues."))
	connected, errs[2] = m.meter.Int64ObservableUpDownCounter(MetricConnected, metric.WithDescription("Clients to which events flow."))
	lost, errs[3] = m.meter.Int64ObservableCounter(MetricEventsLost, metric.WithDescription("Events thrown away: a listener fell behind."))
	bad, errs[4] = m.meter.Int64ObservableCounter(MetricEventsBad, metric.WithDescription("Messages that could not be read."))
	connections, errs[5] = m.meter.Int64ObservableCounter(MetricConnections, metric.WithDescription("Connections made."))
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	registered, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := stats()
		up := int64(0)
		if s.Connected {
			up = 1
		}
		o.ObserveInt64(calls, int64(s.Calls))
		o.ObserveInt64(waiting, int64(s.Waiting))
		o.ObserveInt64(connected, up)
		o.ObserveInt64(lost, int64(s.Lost))               //nolint:gosec // It doesn't get that far.
		o.ObserveInt64(bad, int64(s.BadFrames))           //nolint:gosec // It doesn't get that far.
		o.ObserveInt64(connections, int64(s.Connections)) //nolint:gosec // It doesn't get that far.
		return nil
	}, calls, waiting, connected, lost, bad, connections)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = registered.Unregister() })
	return nil
}

// attrOf returns a value's ready attribute set, or that of "other".
func attrOf(own map[string]metric.MeasurementOption, value string) metric.MeasurementOption {
	if o, ok := own[value]; ok {
		return o
	}
	return own[other]
}

// statusText is a command's status as [AttrStatus] has it.
func statusText(err error) string {
	if err == nil {
		return "2xx"
	}
	e, ok := errors.AsType[*ari.Error](err)
	if !ok || e.StatusCode == 0 {
		return "none"
	}
	for _, own := range ownStatuses {
		if own == e.StatusCode {
			return strconv.Itoa(own)
		}
	}
	return other
}

func since(t time.Time) float64 { return time.Since(t).Seconds() }
