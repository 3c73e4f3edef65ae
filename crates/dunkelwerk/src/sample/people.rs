//! Who applies and where they live: invented people in the streets of the sample zones.

use super::Draw;
use serde_json::{Value, json};

/// A place that the samples can look like.
#[derive(Debug, Clone, Copy)]
pub(super) struct City {
    /// Empty where the place is not listed here.
    pub name: &'static str,
    /// The Unterscheidungszeichen on number plates.
    pub plate: &'static str,
    /// Streets with postcode; where the place has sample zones, each lies in one.
    pub streets: &'static [(&'static str, &'static str)],
}

/// The place of an ARS; an unknown one looks like any town.
pub(super) fn city(ars: &str) -> City {
    let known = CITIES.iter().find(|(key, _)| *key == ars).map(|(_, city)| *city);
    known.unwrap_or(City { name: "", plate: "XX", streets: &[("Hauptstraße", "12345")] })
}

#[rustfmt::skip]
const CITIES: &[(&str, City)] = &[
    ("020000000000", City { name: "Hamburg", plate: "HH", streets:
        &[("Osterstraße", "20259"), ("Lange Reihe", "20099"), ("Eppendorfer Weg", "20259"), ("Susannenstraße", "20357")] }),
    ("032410001001", City { name: "Hannover", plate: "H", streets:
        &[("Lister Meile", "30161"), ("Limmerstraße", "30451"), ("Podbielskistraße", "30163"), ("Sallstraße", "30171")] }),
    ("051110000000", City { name: "Düsseldorf", plate: "D", streets:
        &[("Nordstraße", "40477"), ("Birkenstraße", "40233"), ("Ackerstraße", "40233"), ("Lorettostraße", "40219")] }),
    ("051130000000", City { name: "Essen", plate: "E", streets:
        &[("Rüttenscheider Straße", "45130"), ("Klarastraße", "45130"), ("Emmastraße", "45130"), ("Gemarkenstraße", "45147")] }),
    ("053140000000", City { name: "Bonn", plate: "BN", streets:
        &[("Bonner Talweg", "53113"), ("Heerstraße", "53111"), ("Breite Straße", "53111"), ("Clemens-August-Straße", "53115")] }),
    ("053150000000", City { name: "Köln", plate: "K", streets:
        &[("Venloer Straße", "50823"), ("Aachener Straße", "50674"), ("Severinstraße", "50678"), ("Neusser Straße", "50733")] }),
    ("055150000000", City { name: "Münster", plate: "MS", streets:
        &[("Hammer Straße", "48153"), ("Warendorfer Straße", "48145"), ("Wolbecker Straße", "48155"), ("Kanalstraße", "48147")] }),
    ("064110000000", City { name: "Darmstadt", plate: "DA", streets:
        &[("Heinrichstraße", "64283"), ("Dieburger Straße", "64287"), ("Liebfrauenstraße", "64289"), ("Pankratiusstraße", "64289")] }),
    ("064120000000", City { name: "Frankfurt am Main", plate: "F", streets:
        &[("Berger Straße", "60316"), ("Leipziger Straße", "60487"), ("Schweizer Straße", "60594"), ("Eckenheimer Landstraße", "60318")] }),
    ("064140000000", City { name: "Wiesbaden", plate: "WI", streets:
        &[("Dotzheimer Straße", "65185"), ("Taunusstraße", "65183"), ("Nerostraße", "65183"), ("Bismarckring", "65183")] }),
    ("073140000000", City { name: "Ludwigshafen am Rhein", plate: "LU", streets:
        &[("Bismarckstraße", "67059"), ("Ludwigstraße", "67059"), ("Prinzregentenstraße", "67063"), ("Saarlandstraße", "67061")] }),
    ("073150000000", City { name: "Mainz", plate: "MZ", streets:
        &[("Gaustraße", "55116"), ("Boppstraße", "55118"), ("Frauenlobstraße", "55118"), ("Kaiserstraße", "55116")] }),
    ("081110000000", City { name: "Stuttgart", plate: "S", streets:
        &[("Schwabstraße", "70197"), ("Rotebühlstraße", "70178"), ("Böblinger Straße", "70199"), ("Olgastraße", "70182")] }),
    ("082120000000", City { name: "Karlsruhe", plate: "KA", streets:
        &[("Sophienstraße", "76133"), ("Kaiserallee", "76133"), ("Werderstraße", "76137"), ("Gerwigstraße", "76131")] }),
    ("082210000000", City { name: "Heidelberg", plate: "HD", streets:
        &[("Bergheimer Straße", "69115"), ("Plöck", "69117"), ("Rohrbacher Straße", "69115"), ("Ladenburger Straße", "69120")] }),
    ("082220000000", City { name: "Mannheim", plate: "MA", streets:
        &[("Augustaanlage", "68165"), ("Seckenheimer Straße", "68165"), ("Langstraße", "68169"), ("Meerfeldstraße", "68163")] }),
    ("083110000000", City { name: "Freiburg im Breisgau", plate: "FR", streets:
        &[("Habsburgerstraße", "79104"), ("Günterstalstraße", "79100"), ("Wilhelmstraße", "79098"), ("Lorettostraße", "79100")] }),
    ("084160041041", City { name: "Tübingen", plate: "TÜ", streets:
        &[("Wilhelmstraße", "72074"), ("Mohlstraße", "72074"), ("Neckarhalde", "72070"), ("Hechinger Straße", "72072")] }),
    ("091620000000", City { name: "München", plate: "M", streets:
        &[("Leopoldstraße", "80802"), ("Belgradstraße", "80796"), ("Lindwurmstraße", "80337"), ("Schellingstraße", "80799")] }),
    ("110000000000", City { name: "Berlin", plate: "B", streets:
        &[("Kastanienallee", "10435"), ("Oderberger Straße", "10435"), ("Bergmannstraße", "10961"), ("Akazienstraße", "10823")] }),
    ("146120000000", City { name: "Dresden", plate: "DD", streets:
        &[("Alaunstraße", "01099"), ("Bautzner Straße", "01099"), ("Borsbergstraße", "01309"), ("Kesselsdorfer Straße", "01159")] }),
    ("147130000000", City { name: "Leipzig", plate: "L", streets:
        &[("Karl-Liebknecht-Straße", "04275"), ("Eisenbahnstraße", "04315"), ("Karl-Heine-Straße", "04229"), ("Gohliser Straße", "04155")] }),
    ("010020000000", City { name: "Kiel", plate: "KI", streets: &[("Holtenauer Straße", "24105"), ("Hansastraße", "24118")] }),
    ("040110000000", City { name: "Bremen", plate: "HB", streets: &[("Vor dem Steintor", "28203"), ("Hamburger Straße", "28205")] }),
    ("130030000000", City { name: "Rostock", plate: "HRO", streets: &[("Doberaner Straße", "18057"), ("Barnstorfer Weg", "18057")] }),
    ("160510000000", City { name: "Erfurt", plate: "EF", streets: &[("Magdeburger Allee", "99086"), ("Andreasstraße", "99084")] }),
];

/// Streets that no sample zone has.
#[rustfmt::skip]
const ELSEWHERE: [&str; 16] = [
    "Bahnhofstraße", "Gartenstraße", "Ringstraße", "Mühlenweg", "Feldstraße", "Birkenweg", "Lindenallee", "Kirchgasse",
    "Am Stadtwald", "Schillerweg", "Goethestraße", "Waldstraße", "Am Alten Markt", "Dorfstraße", "Bergweg", "Uferpromenade",
];

/// Given names, family names and how often; grouped, so that the two mostly fit together.
type Names = (u32, &'static [&'static str], &'static [&'static str]);

#[rustfmt::skip]
const NAMES: &[Names] = &[
    (66, &[
        "Anna", "Maria", "Ursula", "Sabine", "Petra", "Käthe", "Birgit", "Jürgen", "Günther", "Wolfgang", "Thomas", "Andreas",
        "Stefan", "Michael", "Klaus", "Karl-Heinz", "Hans-Jörg", "Björn", "Sören", "Jörn", "Lena", "Lea", "Hannah", "Emma",
        "Mia", "Marlene", "Paula", "Greta", "Friederike", "Anne-Sophie", "Lukas", "Leon", "Finn", "Paul", "Jonas", "Felix",
        "Maximilian", "Moritz", "Jakob", "Tobias", "Sebastian", "Katharina", "Julia", "Svenja", "Heike", "Renate", "Uwe", "Detlef",
        "Anna Maria", "Eva Katharina", "Hans Peter", "Johann Sebastian", "Lena Sophie", "Max Emil", "Rosa Käthe", "Jörg Uwe",
    ], &[
        "Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Meyer", "Wagner", "Becker", "Schulz", "Hoffmann", "Schäfer",
        "Koch", "Bauer", "Richter", "Klein", "Wolf", "Schröder", "Neumann", "Schwarz", "Zimmermann", "Braun", "Krüger",
        "Hofmann", "Hartmann", "Lange", "Schmitt", "Werner", "Krause", "Meier", "Lehmann", "Schmid", "Schulze", "Maier",
        "Köhler", "Herrmann", "König", "Walter", "Mayer", "Huber", "Kaiser", "Fuchs", "Peters", "Lang", "Scholz", "Möller",
        "Weiß", "Jung", "Hahn", "Schubert", "Vogel", "Friedrich", "Keller", "Günther", "Frank", "Berger", "Winkler", "Roth",
        "Beck", "Lorenz", "Baumann", "Franke", "Albrecht", "Schuster", "Simon", "Ludwig", "Böhm", "Winter", "Kraus", "Martin",
        "Schumacher", "Krämer", "Vogt", "Stein", "Jäger", "Otto", "Sommer", "Groß", "Seidel", "Heinrich", "Brandt", "Haas",
        "Schreiber", "Graf", "Dietrich", "Ziegler", "Kuhn", "Kühn", "Pohl", "Engel", "Horn", "Busch", "Bergmann", "Thomas",
        "Voigt", "Sauer", "Arnold", "Wolff", "Pfeiffer", "von der Heide", "zu Löwenstein", "Überschär", "Öhlschläger",
    ]),
    (11, &[
        "Ayşe", "Fatma", "Elif", "Zeynep", "Emine", "Merve", "Gülcan", "Mehmet", "Mustafa", "Ahmet", "Murat", "Emre", "Çağla",
        "İbrahim", "Hüseyin", "Özlem", "Ayşe Nur", "Mehmet Ali",
    ], &[
        "Yılmaz", "Kaya", "Demir", "Şahin", "Çelik", "Yıldız", "Yıldırım", "Öztürk", "Aydın", "Özdemir", "Arslan", "Doğan",
        "Kılıç", "Çetin", "Koç", "Kurt", "Özkan", "Şimşek", "Polat", "Güneş",
    ]),
    (8, &[
        "Agnieszka", "Katarzyna", "Małgorzata", "Joanna", "Zofia", "Piotr", "Krzysztof", "Andrzej", "Tomasz", "Paweł", "Michał",
        "Łukasz", "Anna Maria", "Jan Paweł",
    ], &[
        "Nowak", "Wójcik", "Kowalczyk", "Woźniak", "Mazur", "Krawczyk", "Kaczmarek", "Zając", "Król", "Wróbel", "Pawlak",
        "Dudek", "Stępień", "Sikora", "Górski",
    ]),
    (8, &[
        "Fatima", "Layla", "Nour", "Mariam", "Rana", "Yasmin", "Mohammed", "Ahmad", "Omar", "Ali", "Khaled", "Yousef", "Samir",
        "Mohammed Ali",
    ], &[
        "Al-Hassan", "Haddad", "Khalil", "El Amrani", "Mansour", "Nasser", "Al-Khatib", "Saleh", "Hamdan", "Darwish", "Ibrahim",
        "Benali", "Bouzid", "Najjar", "Abdullah",
    ]),
    (7, &[
        "Oksana", "Olena", "Iryna", "Natalija", "Switlana", "Kateryna", "Oleksandr", "Andrij", "Serhij", "Mykola", "Taras",
        "Dmytro", "Jewhenija", "Wolodymyr",
    ], &[
        "Schewtschenko", "Kowalenko", "Bondarenko", "Tkatschenko", "Krawtschenko", "Melnyk", "Bojko", "Lyssenko", "Marchenko",
        "Petrenko", "Moros", "Sawtschenko", "Rudenko", "Hontschar",
    ]),
];

impl Draw {
    /// Given and family name of one group; married names now and then join two.
    pub(super) fn name(&mut self) -> (&'static str, String) {
        let weights: Vec<u32> = NAMES.iter().map(|names| names.0).collect();
        let at = self.weighted_index(&weights);
        let (_, given, families) = NAMES.get(at).copied().unwrap_or_default();
        let (family, other) = (self.pick(families), self.pick(families));
        let joined = self.chance(90) && family != other;
        (self.pick(given), if joined { format!("{family}-{other}") } else { family.to_owned() })
    }

    /// An address in one of the place's streets with a sample zone, or in another one.
    pub(super) fn address(&mut self, city: City, town: &str, zone: Option<bool>) -> Value {
        let (street, postcode) = self.pick(city.streets);
        let in_zone = zone.unwrap_or_else(|| self.chance(500));
        let street = if in_zone { street } else { self.pick(&ELSEWHERE) };
        json!({ "strasse": street, "hausnummer": self.house_number(), "plz": postcode, "ort": town })
    }

    pub(super) fn house_number(&mut self) -> String {
        let number = self.between(1, 180);
        let letter = if self.chance(120) { self.pick(&["a", "b", "c", "d"]) } else { "" };
        format!("{number}{letter}")
    }
}

/// A street as a register or a hurried person may write it.
pub(super) fn abbreviated(street: &str) -> String {
    street.replace("straße", "str.").replace("Straße", "Str.")
}
