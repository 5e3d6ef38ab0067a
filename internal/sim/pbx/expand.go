package pbx

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/ari-go/ari/internal/sim/text"
)

var reference = regexp.MustCompile(`\$\{([^{}]*)\}`)

// expand replaces ${NAME}, ${NAME:offset} and ${NAME:offset:length}, inner ones first.
func (ch *Channel) expand(text string) string {
	for range 10 {
		if !strings.Contains(text, "${") {
			break
		}
		text = reference.ReplaceAllStringFunc(text, func(ref string) string {
			return ch.evaluate(ref[2 : len(ref)-1])
		})
	}
	return text
}

func (ch *Channel) evaluate(name string) string {
	if expression, ok := strings.CutPrefix(name, "MATH("); ok {
		return sum(text.Before(strings.TrimSuffix(expression, ")"), ","))
	}
	if strings.Contains(name, "(") {
		return ch.variable(name)
	}
	parts := strings.Split(name, ":")
	value := ch.variable(parts[0])
	if len(parts) > 1 {
		offset, err := strconv.Atoi(parts[1])
		if err != nil {
			return value
		}
		if offset < 0 {
			offset = max(len(value)+offset, 0)
		}
		value = value[min(offset, len(value)):]
	}
	if len(parts) > 2 {
		if n, err := strconv.Atoi(parts[2]); err == nil {
			if n < 0 {
				n = max(len(value)+n, 0)
			}
			value = value[:min(n, len(value))]
		}
	}
	return value
}

// sum adds two numbers.
func sum(expression string) string {
	a, b, _ := strings.Cut(expression, "+")
	x, err := strconv.Atoi(strings.TrimSpace(a))
	if err != nil {
		return "0"
	}
	y, err := strconv.Atoi(strings.TrimSpace(b))
	if err != nil {
		return strconv.Itoa(x)
	}
	return strconv.Itoa(x + y)
}
