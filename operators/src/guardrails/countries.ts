/**
 * The countries of ISO 3166-1 with their English names and the time zones observed in them.
 *
 * Zones are those of the IANA time zone database, table `zone1970.tab` (public domain), which keeps one
 * of several zones whose clocks have agreed since 1970: enough to ask "may it be sent in every zone of
 * this country". Names are English, first the usual one, then others that shops' exports use.
 */

export interface Country {
  /** ISO 3166-1 alpha-2. */
  readonly code: string
  readonly zones: readonly string[]
}

// code|name;other names|zones
const TABLE = `
AD|Andorra|Europe/Andorra
AE|United Arab Emirates;UAE|Asia/Dubai
AF|Afghanistan|Asia/Kabul
AG|Antigua & Barbuda|America/Puerto_Rico
AI|Anguilla|America/Puerto_Rico
AL|Albania|Europe/Tirane
AM|Armenia|Asia/Yerevan
AO|Angola|Africa/Lagos
AQ|Antarctica|Antarctica/Casey Antarctica/Davis Antarctica/Mawson Antarctica/Palmer Antarctica/Rothera Antarctica/Troll Antarctica/Vostok Pacific/Auckland Pacific/Port_Moresby Asia/Riyadh Asia/Singapore
AR|Argentina|America/Argentina/Buenos_Aires America/Argentina/Cordoba America/Argentina/Salta America/Argentina/Jujuy America/Argentina/Tucuman America/Argentina/Catamarca America/Argentina/La_Rioja America/Argentina/San_Juan America/Argentina/Mendoza America/Argentina/San_Luis America/Argentina/Rio_Gallegos America/Argentina/Ushuaia
AS|American Samoa|Pacific/Pago_Pago
AT|Austria|Europe/Vienna
AU|Australia|Australia/Lord_Howe Antarctica/Macquarie Australia/Hobart Australia/Melbourne Australia/Sydney Australia/Broken_Hill Australia/Brisbane Australia/Lindeman Australia/Adelaide Australia/Darwin Australia/Perth Australia/Eucla Asia/Tokyo
AW|Aruba|America/Puerto_Rico
AX|Åland Islands|Europe/Helsinki
AZ|Azerbaijan|Asia/Baku
BA|Bosnia & Herzegovina|Europe/Belgrade
BB|Barbados|America/Barbados
BD|Bangladesh|Asia/Dhaka
BE|Belgium|Europe/Brussels
BF|Burkina Faso|Africa/Abidjan
BG|Bulgaria|Europe/Sofia
BH|Bahrain|Asia/Qatar
BI|Burundi|Africa/Maputo
BJ|Benin|Africa/Lagos
BL|St. Barthélemy|America/Puerto_Rico
BM|Bermuda|Atlantic/Bermuda
BN|Brunei|Asia/Kuching
BO|Bolivia|America/La_Paz
BQ|Caribbean Netherlands|America/Puerto_Rico
BR|Brazil|America/Noronha America/Belem America/Fortaleza America/Recife America/Araguaina America/Maceio America/Bahia America/Sao_Paulo America/Campo_Grande America/Cuiaba America/Santarem America/Porto_Velho America/Boa_Vista America/Manaus America/Eirunepe America/Rio_Branco
BS|Bahamas|America/Toronto
BT|Bhutan|Asia/Thimphu
BW|Botswana|Africa/Maputo
BY|Belarus|Europe/Minsk
BZ|Belize|America/Belize
CA|Canada|America/St_Johns America/Halifax America/Glace_Bay America/Moncton America/Goose_Bay America/Toronto America/Iqaluit America/Winnipeg America/Resolute America/Rankin_Inlet America/Regina America/Swift_Current America/Edmonton America/Cambridge_Bay America/Inuvik America/Dawson_Creek America/Fort_Nelson America/Whitehorse America/Dawson America/Vancouver America/Panama America/Puerto_Rico America/Phoenix
CC|Cocos (Keeling) Islands|Asia/Yangon
CD|Congo - Kinshasa|Africa/Maputo Africa/Lagos
CF|Central African Republic|Africa/Lagos
CG|Congo - Brazzaville|Africa/Lagos
CH|Switzerland|Europe/Zurich
CI|Côte d'Ivoire;Ivory Coast|Africa/Abidjan
CK|Cook Islands|Pacific/Rarotonga
CL|Chile|America/Santiago America/Coyhaique America/Punta_Arenas Pacific/Easter
CM|Cameroon|Africa/Lagos
CN|China|Asia/Shanghai Asia/Urumqi
CO|Colombia|America/Bogota
CR|Costa Rica|America/Costa_Rica
CU|Cuba|America/Havana
CV|Cape Verde;Cabo Verde|Atlantic/Cape_Verde
CW|Curaçao|America/Puerto_Rico
CX|Christmas Island|Asia/Bangkok
CY|Cyprus|Asia/Nicosia Asia/Famagusta
CZ|Czechia;Czech Republic|Europe/Prague
DE|Germany|Europe/Zurich Europe/Berlin
DJ|Djibouti|Africa/Nairobi
DK|Denmark|Europe/Berlin
DM|Dominica|America/Puerto_Rico
DO|Dominican Republic|America/Santo_Domingo
DZ|Algeria|Africa/Algiers
EC|Ecuador|America/Guayaquil Pacific/Galapagos
EE|Estonia|Europe/Tallinn
EG|Egypt|Africa/Cairo
EH|Western Sahara|Africa/El_Aaiun
ER|Eritrea|Africa/Nairobi
ES|Spain|Europe/Madrid Africa/Ceuta Atlantic/Canary
ET|Ethiopia|Africa/Nairobi
FI|Finland|Europe/Helsinki
FJ|Fiji|Pacific/Fiji
FK|Falkland Islands|Atlantic/Stanley
FM|Micronesia|Pacific/Kosrae Pacific/Port_Moresby Pacific/Guadalcanal
FO|Faroe Islands|Atlantic/Faroe
FR|France|Europe/Paris
GA|Gabon|Africa/Lagos
GB|United Kingdom;UK;Great Britain;Britain|Europe/London
GD|Grenada|America/Puerto_Rico
GE|Georgia|Asia/Tbilisi
GF|French Guiana|America/Cayenne
GG|Guernsey|Europe/London
GH|Ghana|Africa/Abidjan
GI|Gibraltar|Europe/Gibraltar
GL|Greenland|America/Nuuk America/Danmarkshavn America/Scoresbysund America/Thule
GM|Gambia|Africa/Abidjan
GN|Guinea|Africa/Abidjan
GP|Guadeloupe|America/Puerto_Rico
GQ|Equatorial Guinea|Africa/Lagos
GR|Greece|Europe/Athens
GS|South Georgia & South Sandwich Islands|Atlantic/South_Georgia
GT|Guatemala|America/Guatemala
GU|Guam|Pacific/Guam
GW|Guinea-Bissau|Africa/Bissau
GY|Guyana|America/Guyana
HK|Hong Kong SAR China;Hong Kong|Asia/Hong_Kong
HN|Honduras|America/Tegucigalpa
HR|Croatia|Europe/Belgrade
HT|Haiti|America/Port-au-Prince
HU|Hungary|Europe/Budapest
ID|Indonesia|Asia/Jakarta Asia/Pontianak Asia/Makassar Asia/Jayapura
IE|Ireland;EIRE;Republic of Ireland|Europe/Dublin
IL|Israel|Asia/Jerusalem
IM|Isle of Man|Europe/London
IN|India|Asia/Kolkata
IO|British Indian Ocean Territory|Indian/Chagos
IQ|Iraq|Asia/Baghdad
IR|Iran|Asia/Tehran
IS|Iceland|Africa/Abidjan
IT|Italy|Europe/Rome
JE|Jersey;Channel Islands|Europe/London
JM|Jamaica|America/Jamaica
JO|Jordan|Asia/Amman
JP|Japan|Asia/Tokyo
KE|Kenya|Africa/Nairobi
KG|Kyrgyzstan|Asia/Bishkek
KH|Cambodia|Asia/Bangkok
KI|Kiribati|Pacific/Tarawa Pacific/Kanton Pacific/Kiritimati
KM|Comoros|Africa/Nairobi
KN|St. Kitts & Nevis|America/Puerto_Rico
KP|North Korea|Asia/Pyongyang
KR|South Korea;Korea;Republic of Korea|Asia/Seoul
KW|Kuwait|Asia/Riyadh
KY|Cayman Islands|America/Panama
KZ|Kazakhstan|Asia/Almaty Asia/Qyzylorda Asia/Qostanay Asia/Aqtobe Asia/Aqtau Asia/Atyrau Asia/Oral
LA|Laos|Asia/Bangkok
LB|Lebanon|Asia/Beirut
LC|St. Lucia|America/Puerto_Rico
LI|Liechtenstein|Europe/Zurich
LK|Sri Lanka|Asia/Colombo
LR|Liberia|Africa/Monrovia
LS|Lesotho|Africa/Johannesburg
LT|Lithuania|Europe/Vilnius
LU|Luxembourg|Europe/Brussels
LV|Latvia|Europe/Riga
LY|Libya|Africa/Tripoli
MA|Morocco|Africa/Casablanca
MC|Monaco|Europe/Paris
MD|Moldova|Europe/Chisinau
ME|Montenegro|Europe/Belgrade
MF|St. Martin|America/Puerto_Rico
MG|Madagascar|Africa/Nairobi
MH|Marshall Islands|Pacific/Tarawa Pacific/Kwajalein
MK|North Macedonia;Macedonia|Europe/Belgrade
ML|Mali|Africa/Abidjan
MM|Myanmar (Burma);Burma|Asia/Yangon
MN|Mongolia|Asia/Ulaanbaatar Asia/Hovd
MO|Macao SAR China;Macao|Asia/Macau
MP|Northern Mariana Islands|Pacific/Guam
MQ|Martinique|America/Martinique
MR|Mauritania|Africa/Abidjan
MS|Montserrat|America/Puerto_Rico
MT|Malta|Europe/Malta
MU|Mauritius|Indian/Mauritius
MV|Maldives|Indian/Maldives
MW|Malawi|Africa/Maputo
MX|Mexico|America/Mexico_City America/Cancun America/Merida America/Monterrey America/Matamoros America/Chihuahua America/Ciudad_Juarez America/Ojinaga America/Mazatlan America/Bahia_Banderas America/Hermosillo America/Tijuana
MY|Malaysia|Asia/Kuching Asia/Singapore
MZ|Mozambique|Africa/Maputo
NA|Namibia|Africa/Windhoek
NC|New Caledonia|Pacific/Noumea
NE|Niger|Africa/Lagos
NF|Norfolk Island|Pacific/Norfolk
NG|Nigeria|Africa/Lagos
NI|Nicaragua|America/Managua
NL|Netherlands;Holland;The Netherlands|Europe/Brussels
NO|Norway|Europe/Berlin
NP|Nepal|Asia/Kathmandu
NR|Nauru|Pacific/Nauru
NU|Niue|Pacific/Niue
NZ|New Zealand|Pacific/Auckland Pacific/Chatham
OM|Oman|Asia/Dubai
PA|Panama|America/Panama
PE|Peru|America/Lima
PF|French Polynesia|Pacific/Tahiti Pacific/Marquesas Pacific/Gambier
PG|Papua New Guinea|Pacific/Port_Moresby Pacific/Bougainville
PH|Philippines|Asia/Manila
PK|Pakistan|Asia/Karachi
PL|Poland|Europe/Warsaw
PM|St. Pierre & Miquelon|America/Miquelon
PN|Pitcairn Islands|Pacific/Pitcairn
PR|Puerto Rico|America/Puerto_Rico
PS|Palestinian Territories|Asia/Gaza Asia/Hebron
PT|Portugal|Europe/Lisbon Atlantic/Madeira Atlantic/Azores
PW|Palau|Pacific/Palau
PY|Paraguay|America/Asuncion
QA|Qatar|Asia/Qatar
RE|Réunion|Asia/Dubai
RO|Romania|Europe/Bucharest
RS|Serbia|Europe/Belgrade
RU|Russia;Russian Federation|Europe/Kaliningrad Europe/Moscow Europe/Simferopol Europe/Kirov Europe/Volgograd Europe/Astrakhan Europe/Saratov Europe/Ulyanovsk Europe/Samara Asia/Yekaterinburg Asia/Omsk Asia/Novosibirsk Asia/Barnaul Asia/Tomsk Asia/Novokuznetsk Asia/Krasnoyarsk Asia/Irkutsk Asia/Chita Asia/Yakutsk Asia/Khandyga Asia/Vladivostok Asia/Ust-Nera Asia/Magadan Asia/Sakhalin Asia/Srednekolymsk Asia/Kamchatka Asia/Anadyr
RW|Rwanda|Africa/Maputo
SA|Saudi Arabia|Asia/Riyadh
SB|Solomon Islands|Pacific/Guadalcanal
SC|Seychelles|Asia/Dubai
SD|Sudan|Africa/Khartoum
SE|Sweden|Europe/Berlin
SG|Singapore|Asia/Singapore
SH|St. Helena|Africa/Abidjan
SI|Slovenia|Europe/Belgrade
SJ|Svalbard & Jan Mayen|Europe/Berlin
SK|Slovakia|Europe/Prague
SL|Sierra Leone|Africa/Abidjan
SM|San Marino|Europe/Rome
SN|Senegal|Africa/Abidjan
SO|Somalia|Africa/Nairobi
SR|Suriname|America/Paramaribo
SS|South Sudan|Africa/Juba
ST|São Tomé & Príncipe|Africa/Sao_Tome
SV|El Salvador|America/El_Salvador
SX|Sint Maarten|America/Puerto_Rico
SY|Syria|Asia/Damascus
SZ|Eswatini;Swaziland|Africa/Johannesburg
TC|Turks & Caicos Islands|America/Grand_Turk
TD|Chad|Africa/Ndjamena
TF|French Southern Territories|Asia/Dubai Indian/Maldives
TG|Togo|Africa/Abidjan
TH|Thailand|Asia/Bangkok
TJ|Tajikistan|Asia/Dushanbe
TK|Tokelau|Pacific/Fakaofo
TL|Timor-Leste|Asia/Dili
TM|Turkmenistan|Asia/Ashgabat
TN|Tunisia|Africa/Tunis
TO|Tonga|Pacific/Tongatapu
TR|Türkiye;Turkey|Europe/Istanbul
TT|Trinidad & Tobago|America/Puerto_Rico
TV|Tuvalu|Pacific/Tarawa
TW|Taiwan|Asia/Taipei
TZ|Tanzania|Africa/Nairobi
UA|Ukraine|Europe/Simferopol Europe/Kyiv
UG|Uganda|Africa/Nairobi
UM|U.S. Outlying Islands|Pacific/Pago_Pago Pacific/Tarawa
US|United States;USA;United States of America|America/New_York America/Detroit America/Kentucky/Louisville America/Kentucky/Monticello America/Indiana/Indianapolis America/Indiana/Vincennes America/Indiana/Winamac America/Indiana/Marengo America/Indiana/Petersburg America/Indiana/Vevay America/Chicago America/Indiana/Tell_City America/Indiana/Knox America/Menominee America/North_Dakota/Center America/North_Dakota/New_Salem America/North_Dakota/Beulah America/Denver America/Boise America/Phoenix America/Los_Angeles America/Anchorage America/Juneau America/Sitka America/Metlakatla America/Yakutat America/Nome America/Adak Pacific/Honolulu
UY|Uruguay|America/Montevideo
UZ|Uzbekistan|Asia/Samarkand Asia/Tashkent
VA|Vatican City|Europe/Rome
VC|St. Vincent & Grenadines|America/Puerto_Rico
VE|Venezuela|America/Caracas
VG|British Virgin Islands|America/Puerto_Rico
VI|U.S. Virgin Islands|America/Puerto_Rico
VN|Vietnam;Viet Nam|Asia/Bangkok Asia/Ho_Chi_Minh
VU|Vanuatu|Pacific/Efate
WF|Wallis & Futuna|Pacific/Tarawa
WS|Samoa|Pacific/Apia
YE|Yemen|Asia/Riyadh
YT|Mayotte|Africa/Nairobi
ZA|South Africa;RSA|Africa/Johannesburg
ZM|Zambia|Africa/Maputo
ZW|Zimbabwe|Africa/Maputo
`

const plain = (name: string): string =>
  name
    .normalize('NFD')
    .toLowerCase()
    .replace(/[^a-z]/g, '')

function readTable(): ReadonlyMap<string, Country> {
  const countries = new Map<string, Country>()
  for (const row of TABLE.trim().split('\n')) {
    const [code = '', names = '', zones = ''] = row.split('|')
    const country: Country = { code, zones: zones.split(' ') }
    for (const name of [code, ...names.split(';')]) countries.set(plain(name), country)
  }
  return countries
}

const COUNTRIES = readTable()

/** The country of a code or an English name, in any case; undefined where it is not known. */
export const countryOf = (nameOrCode: string): Country | undefined =>
  COUNTRIES.get(plain(nameOrCode))

function readZones(): ReadonlyMap<string, readonly string[]> {
  const codes = new Map<string, string[]>()
  for (const country of new Set(COUNTRIES.values()))
    for (const zone of country.zones) codes.set(zone, [...(codes.get(zone) ?? []), country.code])
  return codes
}

const CODES_BY_ZONE = readZones()

/** The codes of the countries that a zone is observed in; none for a zone the table does not name. */
export const countriesOfZone = (zone: string): readonly string[] => CODES_BY_ZONE.get(zone) ?? []
