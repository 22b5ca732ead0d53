package proxy

import "encoding/binary"

// frames follows the frames of one direction of a WebSocket (RFC 6455 section 5.2) as their bytes pass, so that it is known
// where one ends and another may begin. It looks at lengths and at nothing else.
type frames struct {
	head [14]byte // of the frame whose head is passing
	have int      // bytes of it that have passed; 0 while the payload passes
	left uint64   // bytes of the payload that are still to come
	last bool     // a close frame has passed: no other may follow it
}

// between reports whether a frame has ended and the next one has not begun.
func (f *frames) between() bool { return f.have == 0 && f.left == 0 }

// follow takes note of bytes that have passed.
func (f *frames) follow(p []byte) {
	for len(p) > 0 {
		p = p[f.frame(p):]
	}
}

// frame takes note of the bytes that belong to the present frame, if one has begun, else to the next, and returns how many
// they are.
func (f *frames) frame(p []byte) int {
	passed := 0
	for f.left == 0 && passed < len(p) {
		f.head[f.have] = p[passed]
		f.have++
		passed++
		if f.have < 2 || f.have < f.headLength() {
			continue
		}
		f.left, f.have = f.payloadLength(), 0
		f.last = f.last || f.head[0]&0xf == opClose
		if f.left == 0 {
			return passed
		}
	}
	payload := min(f.left, uint64(len(p)-passed)) // #nosec G115 -- passed counts bytes of p
	f.left -= payload
	return passed + int(payload) // #nosec G115 -- at most the length of p
}

// headLength is the length of the head, of which the first two bytes are there.
func (f *frames) headLength() int {
	length := 2
	switch f.head[1] & 0x7f {
	case 126:
		length += 2
	case 127:
		length += 8
	}
	if f.head[1]&0x80 != 0 {
		length += 4 // the masking key
	}
	return length
}

// payloadLength is the length of the payload after a complete head.
func (f *frames) payloadLength() uint64 {
	switch length := f.head[1] & 0x7f; length {
	case 126:
		return uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		return binary.BigEndian.Uint64(f.head[2:])
	default:
		return uint64(length)
	}
}

const opClose = 8 // the opcode of a close frame

// closeFrame returns a close frame of a server (RFC 6455 section 5.5.1). With the code, the text must not be longer than 125
// bytes.
func closeFrame(code uint16, text string) []byte {
	frame := []byte{0x80 | opClose, byte(2 + len(text))} // #nosec G115 -- of a control frame, at most 125 (RFC 6455 section 5.5)
	return append(binary.BigEndian.AppendUint16(frame, code), text...)
}
