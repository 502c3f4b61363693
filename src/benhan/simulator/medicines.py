"""A sample formulary: generic names and strengths in common use, marked as a sample on every record.

Names are international nonproprietary names, codes are ATC (WHO). No trade names, no prices, no registration
numbers: a hospital imports its own list.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache

import msgspec

from benhan.core.fhir import r4, systems
from benhan.hospital.visit import concept

SAMPLE = r4.Coding(system=systems.TAG, code="sample", display="Danh mục mẫu")

# key | ATC | active ingredient | strength | unit of strength | per | unit of the form | form | route
_LIST = """
paracetamol-500|N02BE01|Paracetamol|500|mg|1|viên|viên nén|uống
paracetamol-sui|N02BE01|Paracetamol|500|mg|1|viên|viên sủi|uống
paracetamol-goi150|N02BE01|Paracetamol|150|mg|1|gói|thuốc bột|uống
paracetamol-siro|N02BE01|Paracetamol|120|mg|5|mL|siro|uống
ibuprofen-400|M01AE01|Ibuprofen|400|mg|1|viên|viên nén|uống
ibuprofen-siro|M01AE01|Ibuprofen|100|mg|5|mL|hỗn dịch|uống
diclofenac-50|M01AB05|Diclofenac|50|mg|1|viên|viên nén|uống
meloxicam-7.5|M01AC06|Meloxicam|7.5|mg|1|viên|viên nén|uống
celecoxib-200|M01AH01|Celecoxib|200|mg|1|viên|viên nang|uống
eperison-50|M03BX09|Eperison|50|mg|1|viên|viên nén|uống
glucosamin-500|M01AX05|Glucosamin|500|mg|1|viên|viên nang|uống
allopurinol-300|M04AA01|Allopurinol|300|mg|1|viên|viên nén|uống
colchicin-1|M04AC01|Colchicin|1|mg|1|viên|viên nén|uống
amoxicilin-500|J01CA04|Amoxicilin|500|mg|1|viên|viên nang|uống
amoxicilin-goi250|J01CA04|Amoxicilin|250|mg|1|gói|thuốc bột|uống
amoxiclav-625|J01CR02|Amoxicilin + acid clavulanic|625|mg|1|viên|viên nén|uống
amoxiclav-goi|J01CR02|Amoxicilin + acid clavulanic|281.25|mg|1|gói|thuốc bột|uống
cefuroxim-500|J01DC02|Cefuroxim|500|mg|1|viên|viên nén|uống
cefixim-200|J01DD08|Cefixim|200|mg|1|viên|viên nang|uống
cefixim-goi|J01DD08|Cefixim|50|mg|1|gói|thuốc bột|uống
azithromycin-500|J01FA10|Azithromycin|500|mg|1|viên|viên nén|uống
azithromycin-hd|J01FA10|Azithromycin|200|mg|5|mL|hỗn dịch|uống
clarithromycin-500|J01FA09|Clarithromycin|500|mg|1|viên|viên nén|uống
ciprofloxacin-500|J01MA02|Ciprofloxacin|500|mg|1|viên|viên nén|uống
levofloxacin-500|J01MA12|Levofloxacin|500|mg|1|viên|viên nén|uống
metronidazol-250|J01XD01|Metronidazol|250|mg|1|viên|viên nén|uống
clindamycin-300|J01FF01|Clindamycin|300|mg|1|viên|viên nang|uống
cotrimoxazol-480|J01EE01|Sulfamethoxazol + trimethoprim|480|mg|1|viên|viên nén|uống
fluconazol-150|J02AC01|Fluconazol|150|mg|1|viên|viên nang|uống
aciclovir-400|J05AB01|Aciclovir|400|mg|1|viên|viên nén|uống
oseltamivir-75|J05AH02|Oseltamivir|75|mg|1|viên|viên nang|uống
amlodipin-5|C08CA01|Amlodipin|5|mg|1|viên|viên nén|uống
losartan-50|C09CA01|Losartan|50|mg|1|viên|viên nén|uống
telmisartan-40|C09CA07|Telmisartan|40|mg|1|viên|viên nén|uống
enalapril-5|C09AA02|Enalapril|5|mg|1|viên|viên nén|uống
perindopril-5|C09AA04|Perindopril|5|mg|1|viên|viên nén|uống
bisoprolol-2.5|C07AB07|Bisoprolol|2.5|mg|1|viên|viên nén|uống
furosemid-40|C03CA01|Furosemid|40|mg|1|viên|viên nén|uống
spironolacton-25|C03DA01|Spironolacton|25|mg|1|viên|viên nén|uống
aspirin-81|B01AC06|Acid acetylsalicylic|81|mg|1|viên|viên bao tan trong ruột|uống
clopidogrel-75|B01AC04|Clopidogrel|75|mg|1|viên|viên nén|uống
atorvastatin-20|C10AA05|Atorvastatin|20|mg|1|viên|viên nén|uống
rosuvastatin-10|C10AA07|Rosuvastatin|10|mg|1|viên|viên nén|uống
fenofibrat-160|C10AB05|Fenofibrat|160|mg|1|viên|viên nén|uống
nitroglycerin-2.6|C01DA02|Nitroglycerin|2.6|mg|1|viên|viên giải phóng chậm|uống
diosmin-500|C05CA53|Diosmin + hesperidin|500|mg|1|viên|viên nén|uống
metformin-850|A10BA02|Metformin|850|mg|1|viên|viên nén|uống
gliclazid-30|A10BB09|Gliclazid|30|mg|1|viên|viên giải phóng chậm|uống
sitagliptin-100|A10BH01|Sitagliptin|100|mg|1|viên|viên nén|uống
levothyroxin-50|H03AA01|Levothyroxin|50|ug|1|viên|viên nén|uống
thiamazol-5|H03BB02|Thiamazol|5|mg|1|viên|viên nén|uống
omeprazol-20|A02BC01|Omeprazol|20|mg|1|viên|viên nang|uống
esomeprazol-40|A02BC05|Esomeprazol|40|mg|1|viên|viên nang|uống
domperidon-10|A03FA03|Domperidon|10|mg|1|viên|viên nén|uống
alverin-40|A03AX08|Alverin|40|mg|1|viên|viên nén|uống
smecta-3g|A07BC05|Diosmectit|3|g|1|gói|thuốc bột|uống
oresol|A07CA|Oresol (bù nước, điện giải)|4.1|g|1|gói|thuốc bột|uống
kem-20mg|A12CB|Kẽm (kẽm gluconat)|10|mg|5|mL|siro|uống
lactulose|A06AD11|Lactulose|10|g|15|mL|dung dịch|uống
men-vi-sinh|A07FA|Bacillus clausii|2|tỷ bào tử|5|mL|hỗn dịch|uống
salbutamol-xit|R03AC02|Salbutamol|100|ug|1|nhát|bình xịt định liều|hít
salbutamol-2mg|R03CC02|Salbutamol|2|mg|5|mL|siro|uống
budesonid-khi|R03BA02|Budesonid|500|ug|2|mL|hỗn dịch khí dung|khí dung
budesonid-formoterol|R03AK07|Budesonid + formoterol|160|ug|1|nhát|bột hít|hít
montelukast-10|R03DC03|Montelukast|10|mg|1|viên|viên nén|uống
acetylcystein-200|R05CB01|Acetylcystein|200|mg|1|gói|thuốc cốm|uống
ambroxol-30|R05CB06|Ambroxol|30|mg|1|viên|viên nén|uống
ambroxol-siro|R05CB06|Ambroxol|15|mg|5|mL|siro|uống
cetirizin-10|R06AE07|Cetirizin|10|mg|1|viên|viên nén|uống
loratadin-10|R06AX13|Loratadin|10|mg|1|viên|viên nén|uống
loratadin-siro|R06AX13|Loratadin|5|mg|5|mL|siro|uống
fexofenadin-180|R06AX26|Fexofenadin|180|mg|1|viên|viên nén|uống
methylprednisolon-16|H02AB04|Methylprednisolon|16|mg|1|viên|viên nén|uống
prednisolon-5|H02AB06|Prednisolon|5|mg|1|viên|viên nén|uống
betahistin-16|N07CA01|Betahistin|16|mg|1|viên|viên nén|uống
piracetam-800|N06BX03|Piracetam|800|mg|1|viên|viên nén|uống
amitriptylin-25|N06AA09|Amitriptylin|25|mg|1|viên|viên nén|uống
gabapentin-300|N03AX12|Gabapentin|300|mg|1|viên|viên nang|uống
vitamin-3b|A11DB|Vitamin B1 + B6 + B12|1|viên|1|viên|viên nén|uống
calci-d3|A12AX|Calci carbonat + vitamin D3|500|mg|1|viên|viên nén|uống
sat-folic|B03AD|Sắt + acid folic|60|mg|1|viên|viên nén|uống
acid-folic-5|B03BB01|Acid folic|5|mg|1|viên|viên nén|uống
progesteron-200|G03DA04|Progesteron|200|mg|1|viên|viên nang|uống
clotrimazol-dat|G01AF02|Clotrimazol|500|mg|1|viên|viên đặt|đặt âm đạo
natri-clorid-mui|R01AX10|Natri clorid 0,9 %|9|mg|1|mL|dung dịch nhỏ mũi|nhỏ mũi
xylometazolin|R01AA07|Xylometazolin 0,05 %|0.5|mg|1|mL|dung dịch nhỏ mũi|nhỏ mũi
fluticason-mui|R01AD08|Fluticason|50|ug|1|nhát|hỗn dịch xịt mũi|xịt mũi
ofloxacin-tai|S02AA16|Ofloxacin 0,3 %|3|mg|1|mL|dung dịch nhỏ tai|nhỏ tai
tobramycin-mat|S01AA12|Tobramycin 0,3 %|3|mg|1|mL|dung dịch nhỏ mắt|nhỏ mắt
natri-hyaluronat|S01XA20|Natri hyaluronat 0,1 %|1|mg|1|mL|dung dịch nhỏ mắt|nhỏ mắt
olopatadin-mat|S01GX09|Olopatadin 0,1 %|1|mg|1|mL|dung dịch nhỏ mắt|nhỏ mắt
chlorhexidin-suc|A01AB03|Chlorhexidin 0,12 %|1.2|mg|1|mL|dung dịch súc miệng|súc miệng
betamethason-kem|D07AC01|Betamethason 0,05 %|0.5|mg|1|g|kem bôi da|bôi ngoài da
ketoconazol-kem|D01AC08|Ketoconazol 2 %|20|mg|1|g|kem bôi da|bôi ngoài da
fusidic-kem|D06AX01|Acid fusidic 2 %|20|mg|1|g|kem bôi da|bôi ngoài da
adapalen-gel|D10AD03|Adapalen 0,1 %|1|mg|1|g|gel bôi da|bôi ngoài da
diclofenac-gel|M02AA15|Diclofenac 1 %|10|mg|1|g|gel bôi da|bôi ngoài da
"""


class Medicine(msgspec.Struct, frozen=True):
    """One line of the sample list."""

    key: str
    atc: str
    ingredient: str
    strength: Decimal
    unit: str
    per: Decimal
    form_unit: str
    form: str
    route: str

    @property
    def id(self) -> str:
        """The id of its Medication."""
        return f"thuoc-{self.key}"

    @property
    def name(self) -> str:
        """What a prescription says: ingredient, strength, form."""
        amount = f"{self.strength} {self.unit}".replace(".", ",")
        share = "" if self.per == 1 and self.form_unit != "mL" else f"/{self.per} {self.form_unit}"
        strength = "" if "%" in self.ingredient or "+ B6" in self.ingredient else f" {amount}{share}"
        return f"{self.ingredient}{strength} ({self.form})"


@cache
def formulary() -> dict[str, Medicine]:
    """The sample medicines by key."""
    found = {}
    for line in _LIST.split("\n"):
        if line:
            key, atc, ingredient, strength, unit, per, form_unit, form, route = line.split("|")
            found[key] = Medicine(key, atc, ingredient, Decimal(strength), unit, Decimal(per), form_unit, form, route)
    return found


def sample(organization: str) -> Iterator[r4.Medication]:
    """The sample list as Medication records of a facility."""
    maker = r4.Reference(reference=f"Organization/{organization}")
    for medicine in formulary().values():
        yield r4.Medication(
            id=medicine.id,
            meta=r4.Meta(tag=[SAMPLE]),
            identifier=[
                r4.Identifier(system=systems.MEDICINE_CODE, value=f"MAU-{medicine.key}".upper(), assigner=maker)
            ],
            code=r4.CodeableConcept(
                coding=[r4.Coding(system=systems.ATC, code=medicine.atc, display=medicine.ingredient)],
                text=medicine.name,
            ),
            status="active",
            form=r4.CodeableConcept(text=medicine.form),
            ingredient=[_ingredient(medicine)],
        )


def _ingredient(medicine: Medicine) -> r4.MedicationIngredient:
    return r4.MedicationIngredient(
        itemCodeableConcept=concept(systems.ATC, medicine.atc, medicine.ingredient),
        isActive=True,
        strength=r4.Ratio(
            numerator=r4.Quantity(value=medicine.strength, unit=medicine.unit),
            denominator=r4.Quantity(value=medicine.per, unit=medicine.form_unit),
        ),
    )
