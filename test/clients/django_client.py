"""Django: its schema editor, ORM and introspection (inspectdb)."""
import io

import django
from django.conf import settings

import cases
from cases import case, same

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": cases.database, "USER": cases.user, "HOST": cases.host, "PORT": cases.port}},
                   INSTALLED_APPS=[], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, models, transaction  # noqa: E402
from django.db.models import Count, F, Q, Sum  # noqa: E402


class Shop(models.Model):
    name = models.CharField(max_length=40, unique=True)
    opened = models.DateTimeField(null=True)
    rating = models.DecimalField(max_digits=5, decimal_places=2, default=0)

    class Meta:
        app_label = "dj"
        indexes = [models.Index(fields=["rating", "-name"], name="dj_rating")]
        constraints = [models.CheckConstraint(check=Q(rating__gte=0), name="rating_ok")]


class Item(models.Model):
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, db_constraint=False)
    count = models.IntegerField()
    note = models.TextField(blank=True)

    class Meta:
        app_label = "dj"
        unique_together = [("shop", "count")]


@case
def tables_are_made_and_altered():
    with connection.schema_editor() as e:
        e.create_model(Shop)
        e.create_model(Item)
        field = models.IntegerField(default=7)
        field.set_attributes_from_name("extra")
        e.add_field(Item, field)
        new = models.BigIntegerField(null=True)
        new.set_attributes_from_name("extra")
        e.alter_field(Item, field, new)
        e.remove_field(Item, new)


@case
def objects():
    a = Shop.objects.create(name="A", rating="1.50")
    Shop.objects.bulk_create([Shop(name=f"s{i}", rating=i) for i in range(20)])
    Item.objects.bulk_create([Item(shop=a, count=i, note="n" * i) for i in range(10)])
    same(Item.objects.filter(shop__name="A").aggregate(s=Sum("count"))["s"], 45)
    same(list(Item.objects.values("shop__name").annotate(n=Count("id")).order_by("-n").values_list("shop__name", "n")), [("A", 10)])
    same(Item.objects.filter(count__gt=5).update(count=F("count") + 100), 4)
    same(Item.objects.filter(note__icontains="NN").count(), 8)
    same(Shop.objects.get_or_create(name="A")[1], False)
    try:
        with transaction.atomic():
            Shop.objects.create(name="A")
    except IntegrityError:
        pass
    else:
        raise AssertionError("no error")
    with transaction.atomic():
        same(Shop.objects.select_for_update(nowait=True).get(name="A").name, "A")
    same(len(list(Item.objects.order_by("count").iterator(chunk_size=3))), 10)
    same(Item.objects.filter(shop=a).delete()[0] + Shop.objects.filter(rating__gt=3).delete()[0], 26)


@case
def introspection():
    with connection.cursor() as c:
        names = {t.name for t in connection.introspection.get_table_list(c)}
        assert {"dj_shop", "dj_item"} <= names, names
        got = connection.introspection.get_constraints(c, "dj_shop")
        same((got["rating_ok"]["check"], got["dj_rating"]["columns"], got["dj_rating"]["orders"]), (True, ["rating", "name"], ["ASC", "DESC"]))
    out = io.StringIO()
    call_command("inspectdb", "dj_shop", stdout=out)
    assert "name = models.CharField(unique=True, max_length=40)" in out.getvalue(), out.getvalue()


@case
def tables_are_dropped():
    with connection.schema_editor() as e:
        e.delete_model(Item)
        e.delete_model(Shop)


cases.run("django")
