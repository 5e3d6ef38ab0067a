package ari

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Methods of zero values, and of nil, return errors that are ErrInvalid: they neither panic nor send anything.
func TestZeroValues(t *testing.T) {
	errorType := reflect.TypeFor[error]()
	for _, zero := range []any{
		&Controller{}, &Application{}, &Bridge{}, &Channel{}, &DeviceState{}, &Endpoint{}, &LiveRecording{}, &LogChannel{},
		&Mailbox{}, &Module{}, &Playback{}, &Sound{}, &StoredRecording{},
	} {
		typ := reflect.TypeOf(zero)
		handle := reflect.New(typ.Elem()) // With an id, but without a controller.
		name(handle.Elem())
		for receiver, v := range map[string]reflect.Value{"nil": reflect.Zero(typ), "zero": reflect.ValueOf(zero), "with an id": handle} {
			for i := range typ.NumMethod() {
				method := typ.Method(i)
				t.Run(typ.Elem().Name()+"."+method.Name+" "+receiver, func(t *testing.T) {
					f := v.Method(i)
					var out []reflect.Value
					if !assert.NotPanics(t, func() { out = f.Call(arguments(t, f.Type())) }) {
						return
					}
					if n := len(out); n > 0 && out[n-1].Type() == errorType {
						err, _ := reflect.TypeAssert[error](out[n-1])
						assert.ErrorIs(t, err, ErrInvalid)
					}
				})
			}
		}
	}
}

// arguments are those of a method, of which nothing but the receiver is at fault.
func arguments(t *testing.T, f reflect.Type) []reflect.Value {
	t.Helper()
	var in []reflect.Value
	for i := range f.NumIn() {
		typ := f.In(i)
		switch {
		case f.IsVariadic() && i == f.NumIn()-1:
		case typ == reflect.TypeFor[context.Context]():
			in = append(in, reflect.ValueOf(t.Context()))
		default:
			v := reflect.New(typ).Elem()
			name(v)
			in = append(in, v)
		}
	}
	return in
}

// name fills in the texts of a value.
func name(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("channelsAnswer")
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				name(field)
			}
		}
	default:
	}
}
