// Package rtp reads and writes RTP packets (RFC 3550) and puts those that arrive in order.
package rtp

import (
	"encoding/binary"
	"errors"
)

// HeaderSize is the size of the headers that AppendHeader writes.
const HeaderSize = 12

// ErrNotRTP is returned for a datagram that is no RTP packet.
var ErrNotRTP = errors.New("not an RTP packet")

// A Header is what is used of a packet's header.
type Header struct {
	Marker      bool
	PayloadType uint8
	Sequence    uint16
	Timestamp   uint32
	SSRC        uint32
}

// Parse reads a packet. The payload is part of the datagram.
func Parse(datagram []byte) (h Header, payload []byte, err error) {
	if len(datagram) < HeaderSize || datagram[0]>>6 != 2 {
		return h, nil, ErrNotRTP
	}
	h = Header{
		Marker:      datagram[1]&0x80 != 0,
		PayloadType: datagram[1] & 0x7f,
		Sequence:    binary.BigEndian.Uint16(datagram[2:]),
		Timestamp:   binary.BigEndian.Uint32(datagram[4:]),
		SSRC:        binary.BigEndian.Uint32(datagram[8:]),
	}
	start, end := HeaderSize+4*int(datagram[0]&0x0f), len(datagram)
	if datagram[0]&0x10 != 0 { // A header extension.
		if end < start+4 {
			return h, nil, ErrNotRTP
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(datagram[start+2:]))
	}
	if datagram[0]&0x20 != 0 { // Padding; its last byte says how much.
		if datagram[end-1] == 0 {
			return h, nil, ErrNotRTP
		}
		end -= int(datagram[end-1])
	}
	if end < start {
		return h, nil, ErrNotRTP
	}
	return h, datagram[start:end], nil
}

// AppendHeader appends the header of a packet without extension, padding or contributing sources.
func AppendHeader(b []byte, h Header) []byte {
	second := h.PayloadType & 0x7f
	if h.Marker {
		second |= 0x80
	}
	b = append(b, 0x80, second)
	b = binary.BigEndian.AppendUint16(b, h.Sequence)
	b = binary.BigEndian.AppendUint32(b, h.Timestamp)
	return binary.BigEndian.AppendUint32(b, h.SSRC)
}
