package media

// Formats are what recordings can be made in.
var Formats = map[string]bool{
	"wav": true, "gsm": true, "ulaw": true, "alaw": true, "sln": true, "sln16": true, "g722": true, "WAV": true, "wav49": true, "slin": true,
	"wav16": true, "raw": true, "ul": true, "al": true, "pcm": true,
}

// Codecs are the formats of external media.
var Codecs = map[string]bool{
	"ulaw": true, "alaw": true, "slin": true, "slin12": true, "slin16": true, "slin24": true, "slin32": true, "slin44": true, "slin48": true,
	"slin96": true, "slin192": true, "gsm": true, "g722": true, "g726": true, "g729": true, "opus": true, "ilbc": true, "speex": true, "adpcm": true,
}
