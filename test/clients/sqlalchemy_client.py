"""SQLAlchemy over psycopg2: create_all, reflection, the ORM."""
import datetime
import decimal
import warnings

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg

import cases
from cases import case, same

warnings.simplefilter("ignore")
Base = orm.declarative_base()


class Author(Base):
    __tablename__ = "sa_author"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False, unique=True)
    born = sa.Column(sa.Date)
    tags = sa.Column(pg.ARRAY(sa.Text))
    extra = sa.Column(sa.JSON)
    score = sa.Column(sa.Numeric(10, 2), server_default="0")
    updated = sa.Column(sa.DateTime(timezone=True), server_default=sa.func.now())
    books = orm.relationship("Book", primaryjoin="Author.id == foreign(Book.author_id)", order_by="Book.title", backref="author")


class Book(Base):
    __tablename__ = "sa_book"
    id = sa.Column(sa.BigInteger, sa.Identity(), primary_key=True)
    author_id = sa.Column(sa.Integer, nullable=False, index=True)
    title = sa.Column(sa.Text, nullable=False)
    price = sa.Column(sa.Float)
    __table_args__ = (sa.CheckConstraint("price >= 0", name="price_ok"), sa.UniqueConstraint("author_id", "title", name="one_title"),
                      sa.Index("book_lower", sa.text("lower(title)")), sa.Index("book_partial", "price", postgresql_where=sa.text("price > 10")))


engine = sa.create_engine(f"postgresql+psycopg2://{cases.user}@{cases.host}:{cases.port}/{cases.database}")


@case
def create_all_is_repeatable():
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    Base.metadata.create_all(engine)


@case
def objects_are_stored_and_found():
    with orm.Session(engine) as s:
        a = Author(name="Ünal", born=datetime.date(1950, 1, 2), tags=["a", "b"], extra={"k": [1, None]})
        a.books = [Book(title="T1", price=1.5), Book(title="T2", price=20.0)]
        s.add_all([a, Author(name="Other")])
        s.commit()
        a = s.query(Author).filter_by(name="Ünal").one()
        same((a.tags, a.extra, a.score, [b.title for b in a.books]), (["a", "b"], {"k": [1, None]}, decimal.Decimal("0.00"), ["T1", "T2"]))
        rows = s.execute(sa.select(Author.name, sa.func.count(Book.id)).outerjoin(Book, Book.author_id == Author.id).group_by(Author.name).order_by(Author.name)).all()
        same([tuple(r) for r in rows], [("Other", 0), ("Ünal", 2)])
        same([x.title for x in s.query(Book).options(orm.joinedload(Book.author)).order_by(Book.title.desc())], ["T2", "T1"])
        same(s.query(Author).options(orm.selectinload(Author.books)).filter(Author.tags.any("a")).count(), 1)
        s.query(Book).filter(Book.price > 10).update({Book.price: Book.price + 1})
        same(s.scalar(sa.select(sa.func.sum(Book.price))), 22.5)
        s.add(Author(name="Other"))
        try:
            s.flush()
        except sa.exc.IntegrityError as e:
            same(e.orig.pgcode, "23505")
            s.rollback()
        else:
            raise AssertionError("no error")
        with s.begin_nested():
            s.add(Author(name="nested"))
        s.execute(pg.insert(Author).values(name="nested").on_conflict_do_update(index_elements=["name"], set_={"score": 5}))
        same(s.scalar(sa.select(Author.score).where(Author.name == "nested")), decimal.Decimal("5.00"))
        s.execute(sa.select(Author).with_for_update(skip_locked=True)).all()
        s.commit()


@case
def reflection():
    i = sa.inspect(engine)
    assert {"sa_author", "sa_book"} <= set(i.get_table_names())
    same(i.get_pk_constraint("sa_book"), {"constrained_columns": ["id"], "name": "sa_book_pkey"})
    same([(u["name"], u["column_names"]) for u in i.get_unique_constraints("sa_book")], [("one_title", ["author_id", "title"])])
    same([(c["name"], c["sqltext"]) for c in i.get_check_constraints("sa_book")], [("price_ok", "price >= (0)::double precision")])
    same(sorted(x["name"] for x in i.get_indexes("sa_book")), ["book_partial", "ix_sa_book_author_id", "one_title"])
    columns = {c["name"]: c for c in i.get_columns("sa_author")}
    same([str(columns[n]["type"]) for n in ("id", "name", "born", "tags", "extra", "score", "updated")],
         ["INTEGER", "VARCHAR(50)", "DATE", "ARRAY", "JSON", "NUMERIC(10, 2)", "TIMESTAMP"])
    same((columns["id"]["default"], columns["name"]["nullable"]), ("nextval('sa_author_id_seq'::regclass)", False))
    same(i.get_columns("sa_book")[0]["identity"]["increment"], 1)
    same(i.get_foreign_keys("sa_book"), [])
    same(i.get_schema_names(), ["information_schema", "public"])
    meta = sa.MetaData()
    meta.reflect(engine, only=["sa_author", "sa_book"])
    with engine.connect() as c:
        same(len(c.execute(sa.select(meta.tables["sa_book"])).all()), 2)


@case
def isolation_stream_and_core():
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as c:
        same(c.scalar(sa.text("show transaction_isolation")), "repeatable read")
    with engine.connect().execution_options(stream_results=True, yield_per=10) as c:
        same(sum(r[0] for r in c.execute(sa.text("select g from generate_series(1, 100) g"))), 5050)
    with engine.begin() as c:
        same(c.scalar(sa.select(sa.literal([1, 2, 3], pg.ARRAY(sa.Integer)))), [1, 2, 3])
        t = Author.__table__
        ids = c.execute(t.insert().returning(t.c.id).values([{"name": f"n{k}"} for k in range(20)])).all()
        same(len(ids), 20)
        same(c.execute(t.delete().where(t.c.name.in_([f"n{k}" for k in range(20)]))).rowcount, 20)


@case
def drop_all():
    Base.metadata.drop_all(engine)
    same([n for n in sa.inspect(engine).get_table_names() if n.startswith("sa_")], [])


cases.run("sqlalchemy")
