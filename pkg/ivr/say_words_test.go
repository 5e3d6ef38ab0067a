package ivr_test

import "strings"

// What the sounds say, and how numbers, days and times are spoken: written by hand, and nothing of it taken from the rules.

// A speaker is a language as a person knows it.
type speaker struct {
	code      string
	glue      string            // between words
	sounds    map[string]string // words of sounds beside those of figures
	ones      []string          // from 0 to 99, or to 19 with tens
	tens      []string
	number    func(s *speaker, n int) string // from 0 to 9,999
	ordinals  []string                       // from 1 on
	months    []string
	days      []string // from Sunday on
	timeOfDay func(s *speaker, h, m int) string
	date      func(s *speaker, weekday, day, month, year int) string
}

var speakers = []*speaker{english, german, french, spanish}

func words(text string) []string { return strings.Fields(text) }

func join(parts ...string) string { return strings.Join(strings.Fields(strings.Join(parts, " ")), " ") }

var english = &speaker{
	code: "en", glue: " ",
	sounds: map[string]string{
		"digits/hundred": "hundred", "digits/thousand": "thousand", "digits/oclock": "o'clock", "digits/oh": "oh", "digits/a-m": "a.m.", "digits/p-m": "p.m.",
	},
	ones: words(`zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen`),
	tens: words(`- - twenty thirty forty fifty sixty seventy eighty ninety`),
	ordinals: strings.Split(`first,second,third,fourth,fifth,sixth,seventh,eighth,ninth,tenth,eleventh,twelfth,thirteenth,fourteenth,fifteenth,sixteenth,`+
		`seventeenth,eighteenth,nineteenth,twentieth,twenty first,twenty second,twenty third,twenty fourth,twenty fifth,twenty sixth,twenty seventh,`+
		`twenty eighth,twenty ninth,thirtieth,thirty first`, ","),
	months: words(`January February March April May June July August September October November December`),
	days:   words(`Sunday Monday Tuesday Wednesday Thursday Friday Saturday`),
	number: func(s *speaker, n int) string {
		switch {
		case n < 20:
			return s.ones[n]
		case n < 100 && n%10 == 0:
			return s.tens[n/10]
		case n < 100:
			return join(s.tens[n/10], s.ones[n%10])
		case n < 1000 && n%100 == 0:
			return join(s.ones[n/100], "hundred")
		case n < 1000:
			return join(s.ones[n/100], "hundred", s.number(s, n%100))
		case n%1000 == 0:
			return join(s.ones[n/1000], "thousand")
		}
		return join(s.ones[n/1000], "thousand", s.number(s, n%1000))
	},
	timeOfDay: func(s *speaker, h, m int) string {
		hours := words(`twelve one two three four five six seven eight nine ten eleven`)
		half := "a.m."
		if h >= 12 {
			half = "p.m."
		}
		switch {
		case m == 0:
			return join(hours[h%12], "o'clock", half)
		case m < 10:
			return join(hours[h%12], "oh", s.ones[m], half)
		}
		return join(hours[h%12], s.number(s, m), half)
	},
	date: func(s *speaker, weekday, day, month, year int) string {
		return join(s.days[weekday], s.months[month], s.ordinals[day-1], map[int]string{2026: "two thousand twenty six", 2027: "two thousand twenty seven"}[year])
	},
}

var german = &speaker{
	code: "de", glue: "",
	sounds: map[string]string{
		"digits/1N": "ein", "digits/hundred": "hundert", "digits/thousand": "tausend", "digits/oclock": "Uhr",
		"digits/1-and": "einund", "digits/2-and": "zweiund", "digits/3-and": "dreiund", "digits/4-and": "vierund", "digits/5-and": "fünfund",
		"digits/6-and": "sechsund", "digits/7-and": "siebenund", "digits/8-and": "achtund", "digits/9-and": "neunund",
	},
	ones: words(`null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn`),
	tens: words(`- - zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig`),
	ordinals: words(`erster zweiter dritter vierter fünfter sechster siebter achter neunter zehnter elfter zwölfter dreizehnter vierzehnter fünfzehnter sechzehnter
		siebzehnter achtzehnter neunzehnter zwanzigster einundzwanzigster zweiundzwanzigster dreiundzwanzigster vierundzwanzigster fünfundzwanzigster
		sechsundzwanzigster siebenundzwanzigster achtundzwanzigster neunundzwanzigster dreißigster einunddreißigster`),
	months: words(`Januar Februar März April Mai Juni Juli August September Oktober November Dezember`),
	days:   words(`Sonntag Montag Dienstag Mittwoch Donnerstag Freitag Samstag`),
	number: func(s *speaker, n int) string {
		one := func(n int) string { return strings.Replace(s.ones[n], "eins", "ein", 1) }
		switch {
		case n < 20:
			return s.ones[n]
		case n < 100 && n%10 == 0:
			return s.tens[n/10]
		case n < 100:
			return one(n%10) + "und" + s.tens[n/10]
		case n < 1000 && n%100 == 0:
			return one(n/100) + "hundert"
		case n < 1000:
			return one(n/100) + "hundert" + s.number(s, n%100)
		case n%1000 == 0:
			return one(n/1000) + "tausend"
		}
		return one(n/1000) + "tausend" + s.number(s, n%1000)
	},
	timeOfDay: func(s *speaker, h, m int) string {
		hour := s.number(s, h)
		if h == 1 {
			hour = "ein"
		}
		if m == 0 {
			return hour + "Uhr"
		}
		return hour + "Uhr" + s.number(s, m)
	},
	date: func(s *speaker, weekday, day, month, year int) string {
		return s.days[weekday] + s.ordinals[day-1] + s.months[month] + map[int]string{2026: "zweitausendsechsundzwanzig", 2027: "zweitausendsiebenundzwanzig"}[year]
	},
}

var french = &speaker{
	code: "fr", glue: " ",
	sounds: map[string]string{
		"digits/hundred": "cent", "digits/thousand": "mille", "digits/et": "et", "digits/oclock": "heures", "digits/70": "soixante dix", "digits/80": "quatre vingt", "digits/90": "quatre vingt dix",
	},
	ones: strings.Split(`zéro,un,deux,trois,quatre,cinq,six,sept,huit,neuf,dix,onze,douze,treize,quatorze,quinze,seize,dix-sept,dix-huit,dix-neuf,vingt,`+
		`vingt et un,vingt deux,vingt trois,vingt quatre,vingt cinq,vingt six,vingt sept,vingt huit,vingt neuf,trente,trente et un,trente deux,trente trois,`+
		`trente quatre,trente cinq,trente six,trente sept,trente huit,trente neuf,quarante,quarante et un,quarante deux,quarante trois,quarante quatre,`+ //nolint:misspell // It is French.
		`quarante cinq,quarante six,quarante sept,quarante huit,quarante neuf,cinquante,cinquante et un,cinquante deux,cinquante trois,cinquante quatre,`+ //nolint:misspell // It is French.
		`cinquante cinq,cinquante six,cinquante sept,cinquante huit,cinquante neuf,soixante,soixante et un,soixante deux,soixante trois,soixante quatre,`+
		`soixante cinq,soixante six,soixante sept,soixante huit,soixante neuf,soixante dix,soixante et onze,soixante douze,soixante treize,soixante quatorze,`+
		`soixante quinze,soixante seize,soixante dix-sept,soixante dix-huit,soixante dix-neuf,quatre vingt,quatre vingt un,quatre vingt deux,`+
		`quatre vingt trois,quatre vingt quatre,quatre vingt cinq,quatre vingt six,quatre vingt sept,quatre vingt huit,quatre vingt neuf,quatre vingt dix,`+
		`quatre vingt onze,quatre vingt douze,quatre vingt treize,quatre vingt quatorze,quatre vingt quinze,quatre vingt seize,quatre vingt dix-sept,`+
		`quatre vingt dix-huit,quatre vingt dix-neuf`, ","),
	tens:     words(`- - vingt trente quarante cinquante soixante`), //nolint:misspell // It is French.
	ordinals: words(`premier deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf vingt`),
	months:   words(`janvier février mars avril mai juin juillet août septembre octobre novembre décembre`),
	days:     words(`dimanche lundi mardi mercredi jeudi vendredi samedi`),
	number: func(s *speaker, n int) string {
		hundreds := words(`- cent deux·cent trois·cent quatre·cent cinq·cent six·cent sept·cent huit·cent neuf·cent`)
		thousands := words(`- mille deux·mille trois·mille quatre·mille cinq·mille six·mille sept·mille huit·mille neuf·mille`)
		var parts []string
		if n >= 1000 {
			parts = append(parts, thousands[n/1000])
		}
		if n%1000 >= 100 {
			parts = append(parts, hundreds[n%1000/100])
		}
		if n%100 > 0 || n == 0 {
			parts = append(parts, s.ones[n%100])
		}
		return strings.ReplaceAll(join(parts...), "·", " ")
	},
	timeOfDay: func(s *speaker, h, m int) string {
		if m == 0 {
			return join(s.ones[h], "heures")
		}
		return join(s.ones[h], "heures", s.ones[m])
	},
	date: func(s *speaker, weekday, day, month, year int) string {
		number := s.ones[day]
		if day == 1 {
			number = "premier"
		}
		return join(s.days[weekday], number, s.months[month], map[int]string{2026: "deux mille vingt six", 2027: "deux mille vingt sept"}[year])
	},
}

var spanish = &speaker{
	code: "es", glue: " ",
	sounds: map[string]string{
		"digits/hundred": "cien", "digits/100-and": "ciento", "digits/thousand": "mil", "digits/and": "y", "digits/1F": "una", "digits/oclock": "en punto",
		"digits/a-m": "a.m.", "digits/p-m": "p.m.", "digits/es-de": "de", "digits/200": "doscientos", "digits/300": "trescientos", "digits/400": "cuatrocientos",
		"digits/500": "quinientos", "digits/600": "seiscientos", "digits/700": "setecientos", "digits/800": "ochocientos", "digits/900": "novecientos",
	},
	ones: words(`cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve
		veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve`),
	tens:   words(`- - - treinta cuarenta cincuenta sesenta setenta ochenta noventa`),
	months: words(`enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre`),
	days:   words(`domingo lunes martes miércoles jueves viernes sábado`),
	number: func(s *speaker, n int) string {
		hundreds := words(`- ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos`)
		switch {
		case n < 30:
			return s.ones[n]
		case n < 100 && n%10 == 0:
			return s.tens[n/10]
		case n < 100:
			return join(s.tens[n/10], "y", s.ones[n%10])
		case n == 100:
			return "cien"
		case n < 1000 && n%100 == 0:
			return hundreds[n/100]
		case n < 1000:
			return join(hundreds[n/100], s.number(s, n%100))
		case n == 1000:
			return "mil"
		case n < 2000:
			return join("mil", s.number(s, n%1000))
		case n%1000 == 0:
			return join(s.ones[n/1000], "mil")
		}
		return join(s.ones[n/1000], "mil", s.number(s, n%1000))
	},
	timeOfDay: func(s *speaker, h, m int) string {
		hours := words(`doce una dos tres cuatro cinco seis siete ocho nueve diez once`)
		half := "a.m."
		if h >= 12 {
			half = "p.m."
		}
		if m == 0 {
			return join(hours[h%12], "en punto", half)
		}
		return join(hours[h%12], "y", s.number(s, m), half)
	},
	date: func(s *speaker, weekday, day, month, year int) string {
		return join(s.days[weekday], s.number(s, day), "de", s.months[month], "de", map[int]string{2026: "dos mil veintiséis", 2027: "dos mil veintisiete"}[year])
	},
}
