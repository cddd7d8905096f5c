"""Words that forms need: given names, titles, towns, and capitalised words that name nobody. Lower case.

Common knowledge, not collected from texts; far from complete. A name that is also a word stands in none
of them.
"""

from phonenumbers.geodata.locale import LOCALE_DATA


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


GIVEN = _set(
    """
    aaron abdul abigail adam adele adrian adriana agnes agnieszka ahmed aidan aisha alan albert
    alejandra alejandro alessandra alessandro alessia alex alexander alexandra alexandre alfred
    alice alina alison allison amanda amelia amina amit amélie ana anastasia andré andrea andreas
    andrés andrew angela angelina anil anita anja anna annabelle anne annette anneliese anthony
    antoine antonia antonio anya arjun arnaud arthur astrid aurélie axel barbara bastian beatrice
    beatriz ben benedikt benjamin bernadette bernard bernd birgit björn bogdan boris brandon brenda
    brian bridget bruno caleb camila camille carina carla carlos carmen carol carolina caroline
    catarina catherine cathy cecilia charles chiara chloe chloé christian christiane christina
    christine christoph christophe christopher claire clara claude claudia colin connor cornelia
    craig cristina cynthia cécile céline damian daniel daniela danielle danny darren david deborah
    debra deepak denis denise dennis derek diana diane diego dieter dimitri dirk dmitri dominik
    dominique donald donna dorothy douglas dylan ebba edith eduardo edward eileen elena eleanor
    elias elisa elisabeth elise elizabeth ella ellen elsa emil emilia emilie emily emma emmanuel
    enrico enrique eric erica erik erika ernst esther ethan eugene eva evelyn fabian fabien fabio
    fatima federica federico felipe felix femke ferdinand fernanda fernando fiona florian francesca
    francesco francisco francois françois franz françoise frederick frederik friedrich gabriel
    gabriela gabriele gareth gary geoffrey georg george georges gerald gerard gerhard giacomo
    gianluca gillian giorgio giovanni giulia giulio giuseppe gloria gonzalo graham gregory greta
    guillaume guillermo gunnar gustavo guy hannah hans harald harry hassan heather hector heidi
    heike heinrich helen helena helga hélène henri henrik henry herbert hermann hiroshi holger hugo
    hugues ian ibrahim ignacio igor ilse imogen ines inga inge ingo ingrid irene irina isaac isabel
    isabella isabelle ivan jacob jacqueline jacques jaime jakub james jan jane janet janine jared
    jason javier jean jeanne jeff jeffrey jennifer jens jeremy jerome jessica joachim joan joanna
    joanne joao joão joaquim jochen joel johan johann johanna johannes john jonas jonathan jorge
    josé josef josefina joseph joshua joão juan juana juanita judith julia julian juliana julie
    julien juliette julio jörg jürgen kai karen karim karin karl karla karsten katarina katarzyna
    kate katharina katherine kathleen kathryn katja katrin keith kelly kenneth kerstin kevin khalid
    kirsten klaus konrad kristin kristina krzysztof kumar kwame kyle lara larry lars laura lauren
    laurence laurent leah leila lena leo leon leonard leonardo leonie leticia liam lidia linda lisa
    lorenzo lorraine louis louisa louise luc luca lucas lucia lucie lucy ludwig luigi luis luisa
    lukas luke lydia lynn léa maarten madeleine magdalena malcolm manfred manuel manuela marc marcel
    marcela marco marcos marcus margaret margarita margot maria mariam mariana marie marina mario
    marion marjorie markus marlene marta martha martin martina martine marvin mary mateo mathieu
    mathilde matteo matthew matthias maurice mauricio maximilian megan mehmet melanie melissa
    mercedes michael michaela michel michele michelle miguel mikael mike mikhail milan miriam
    mohamed mohammad mohammed moritz monica monika monique muhammad nadia nadine nancy naomi natalia
    natalie natasha nathalie nathan nathaniel neha neil niamh nicholas nick nicola nicolas nicole
    niels nigel nikhil nikita nikolai nils nina noah noelle noor nora norbert norman olga oliver
    olivia olivier omar orlando oscar oskar otto pablo pamela paola paolo pascal patricia patrick
    patrizia paul paula paulina pauline paulo pavel pedro peggy penelope peter petra philip philipp
    philippe phillip pierre pietro piotr priya rachel rafael rafaela rainer raj rajesh ralf ralph
    ramona ramón randall raphael raquel raul raymond rebecca regina reinhard renate renaud renee
    ricardo riccardo richard rita robert roberta roberto robin rodrigo roger roland rolf ronald
    rosalind rosemary roxanne ruben rudolf rupert russell ruth ryan sabine sabrina salma salvatore
    samantha samir samuel sandra sanjay sara sarah saskia scott sean sebastian sebastião serena
    serge sergei sergio shannon sharon sheila shirley siegfried sigrid silke silvia simon simone
    sofia sonia sonja sophia sophie stefan stefania stefano steffen stella stephan stephanie
    stéphane stephen steve steven stuart sunil susan susanna susanne suzanne svenja sven svetlana
    sylvia sylvie takashi tamara tania tanja tatiana teresa terence theodor theodore theresa thierry
    thomas thorsten tiago tim timothy tina tobias todd tom tomasz tony torsten tracy trevor udo
    ulrich ulrike ursula uwe valentina valerie vanessa vera verena veronica vicente vicky victor
    victoria vijay vikram vincent vincenzo vivian vladimir volker walter wanda wendy werner wilhelm
    william winifred wolfgang xavier yann yannick yasmin yolanda yuki yusuf yves yvette yvonne
    zachary zainab zoe zoë zoé łukasz
"""
)

NOBODY = _set(
    """
    a about above access account action actual add address addresses admin after again agreement all
    also alright an and another answer any anyone anything apologies app apply april are article as
    asap ask assistant at attachment attached august available bank bcc be because before below best
    better billing book both branch business but by call can cancel cards card cash cc change
    chapter chat check chief child children claim classify click client code colleague colleagues
    come company compare complete conclusion confirm contact continue contract convert copy could
    create customer customers dad data date day dear december delete delivery department describe
    description design detail details did director discipline discuss do does draft due each edit
    either email e-mail employee english estimate evaluate every everybody everyone everything
    example excuse expires explain extract fax february file fill find first folks follow for
    forward found french friday friend friends from generate german get give go good greetings group
    guest guys had has have head he hello help her here hey hi him his hold home hotel how however i
    iban id identify if important in info information invite invoice is issue it item its january
    job july june just keep know language last later law learn least left let letter level limit
    line list little look loan madam mail main make manager management many march maybe may me meet
    meeting member message mobile mom monday month more morning most mr mrs ms mum my name names
    need never new next no nobody none not note nothing november now number numbers object october
    of off office ok okay on once one only open opening or order orders other our out over overview
    page paragraph parcel parse part party passport password patient pay payment people period phone
    plan please point policy position prepare present president price problem process product
    project propose provide purchase put question quick quote read ready really reason received
    recipient record reference refund register regarding regards remind reminder reply report
    request resend reset response result return review rewrite risk said sales same saturday say
    schedule secretary see send sender sending sent september service services set she sheet ship
    should show shipping since sir site so some somebody someone something sorry spanish staff start
    statement status still stop street studio subject sum summarise summarize summary sunday support
    tag tales task team tel telephone tell term terms test text thank thanks that the their them
    then there these they thing things this those thursday ticket time title to today together
    tomorrow total track transfer translate tuesday under unless until up update us use user using
    valued verify version very was watch wednesday week welcome well were what when where whether
    which while who why will wisdom with within without wonder word words would write year yes
    yesterday yet you young your yours zip
"""
)
"""Capitalised where a sentence or a line begins, or in headings. Two of them can never be a person."""

NO_ORGANISATION = _set(
    """
    api asap atm aud bcc bic brl cad cc ceo cfo chf cny coo cpu crm csv cto cv cvv czk dkk dob eta
    eur faq fax fyi gbp gmt gpu hr html http https huf iban id inr ip iso it jpy json kpi kyc mobile
    ms nok np null ok otp pdf php phone pin pln po pto python qa roi sek sku sla sms sql ssh ssl ssn
    sso swift tel tls todo ui url usa usb usd utc ux vat vpn xml zar zip hash audit sender
    javascript java
"""
)
"""What a small language model takes for firms: currencies, abbreviations of forms, formats, languages of
machines."""

_TOWNS = """
    Aachen Aberdeen Abidjan Accra Adelaide Addis_Ababa Albuquerque Alexandria Algiers Alicante
    Almaty Amsterdam Ankara Antwerp Athens Atlanta Auckland Augsburg Baghdad Baltimore Bangalore
    Bangkok Barcelona Bari Basel Beijing Beirut Belfast Belgrade Bergamo Bergen Berlin Bern Bilbao
    Birmingham Bogotá Bologna Bonn Bordeaux Boston Braga Bratislava Bremen Brighton Brisbane Bristol
    Brno Bruges Brussels Bucharest Budapest Buenos_Aires Buffalo Cairo Calgary Cambridge Canberra
    Cape_Town Caracas Cardiff Casablanca Catania Chennai Chicago Cincinnati Cleveland Coimbra
    Cologne Copenhagen Coventry Dakar Dallas Damascus Delhi Denver Detroit Doha Dortmund Dresden
    Dubai Dublin Duisburg Dundee Durban Düsseldorf Edinburgh Edmonton Eindhoven Essen Florence
    Frankfurt Freiburg Gdansk Geneva Genoa Ghent Glasgow Gothenburg Granada Graz Grenoble Groningen
    Guadalajara Hamburg Hanoi Hanover Havana Helsinki Honolulu Houston Hyderabad Indianapolis
    Innsbruck Istanbul Jakarta Jerusalem Johannesburg Kampala Karachi Karlsruhe Kiev Kyiv Kinshasa
    Kolkata Kraków Krakow Kuala_Lumpur Kuwait_City Kyoto Köln Lagos Lahore Las_Vegas Lausanne Leeds
    Leicester Leipzig Leuven Lille Lima Linz Lisbon Liverpool Ljubljana Lodz London Los_Angeles
    Luxembourg Lyon Maastricht Madrid Malaga Málaga Malmö Manchester Manila Mannheim Marrakesh
    Marseille Medellín Melbourne Memphis Miami Milan Milwaukee Minneapolis Minsk Montevideo
    Montpellier Montreal Moscow Mumbai Munich München Münster Nairobi Nantes Naples Nashville
    Newcastle New_Delhi New_Orleans New_York New_York_City Nicosia Nottingham Nuremberg Nürnberg
    Oakland Orlando Osaka Oslo Ottawa Oxford Palermo Paris Perth Philadelphia Phoenix Pittsburgh
    Plymouth Portland Porto Prague Pretoria Quebec Quito Reims Reykjavik Riga Rio_de_Janeiro Riyadh
    Rome Rotterdam Sacramento Salamanca Salt_Lake_City Salzburg San_Antonio San_Diego San_Francisco
    San_Jose Santiago São_Paulo Sao_Paulo Sarajevo Seattle Seoul Seville Shanghai Sheffield
    Singapore Sofia Southampton Stockholm Strasbourg Stuttgart Swansea Sydney Taipei Tallinn Tampa
    Tehran Tel_Aviv The_Hague Tirana Tokyo Toronto Toulouse Trieste Tripoli Tucson Tunis Turin
    Utrecht Valencia Vancouver Venice Verona Vienna Vilnius Warsaw Washington_D.C. Wellington
    Winnipeg Wuppertal Yokohama Zagreb Zaragoza Zurich Zürich Austin
"""

_COUNTRIES_AS_SAID = """
    Bosnia South_Korea North_Korea Russia Syria Vietnam Venezuela Bolivia Tanzania Moldova Laos
    Brunei Czech_Republic Macedonia Ivory_Coast Cape_Verde Great_Britain England Scotland Wales
    Northern_Ireland United_States_of_America Holland
"""

_ALSO_NAMES = _set("jordan georgia chad jersey guernsey guinea mali niger turkey cuba")
"""Also a given name, a garment, a bird or a part of other names: left to the language model."""


def _places() -> tuple[str, ...]:
    named = (_TOWNS + _COUNTRIES_AS_SAID).replace("_", "\0").split()
    countries = {names["en"] for names in LOCALE_DATA.values() if "en" in names}
    return tuple(
        sorted(
            {word.replace("\0", " ") for word in named}
            | {
                name
                for name in countries
                if name.isascii() and name.lower() not in _ALSO_NAMES and len(name) > 3
            }
        )
    )


PLACES = _places()
"""Large towns, and countries by the names that the phone numbers' library gives them. As they are written."""

STRONG_WAYS = _set("street avenue ave road lane boulevard blvd crescent parkway highway")
"""A capitalised word before one of these is a street, with or without a number."""

WAYS = STRONG_WAYS | _set(
    """
    st rd ln drive dr court ct terrace pkwy hwy alley annex arcade bayou beach bend bluff bluffs
    bottom branch bridge brook brooks burg burgs bypass camp canyon cape causeway center centers
    centre circle circles cliff cliffs close club common commons corner corners course courts cove
    coves creek crest crossing crossroad curve dale dam divide drives estate estates expressway
    extension extensions fall falls ferry field fields flat flats ford fords forest forge forges
    fork forks fort freeway garden gardens gate gateway glen glens green greens grove groves harbor
    harbors harbour haven heights hill hills hollow inlet island islands isle junction junctions key
    keys knoll knolls lake lakes land landing light lights loaf lock locks lodge loop mall manor
    manors meadow meadows mews mill mills mission motorway mount mountain mountains neck orchard
    oval overpass park parks parkways pass passage path pike pine pines place pl plain plains plaza
    point points port ports prairie quay radial ramp ranch rapid rapids rest ridge ridges rise river
    roads route row rue run shoal shoals shore shores skyway spring springs spur spurs square
    squares station stravenue stream streets summit throughway trace track trafficway trail tunnel
    turnpike underpass union unions valley valleys via viaduct view views village villages ville
    vista walk walks wall way ways well wells wharf yard
"""
)
"""The street suffixes of the postal services of the United States (Publication 28, C1) and of Britain.
Only with a number before: most are words as well."""
