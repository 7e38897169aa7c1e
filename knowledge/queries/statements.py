"""The two statements of a search; why they are as they are tells `knowledge.queries.passages`.

POOLED returns the passages worth a closer look, as (id, article, distance, text): those nearest in meaning,
those of the article whose title is the question, those with a code of the question. SEARCH takes them with
the words they share, and ranks their articles.
"""

POOLED = """
WITH asked AS (
    SELECT %(vector)s::halfvec(512) AS vector, %(key)s::text AS key
), hidden AS (
    SELECT id FROM knowledge_article
     WHERE NOT (status = 'published' AND audience = 'public' AND valid_from IS NULL AND valid_until IS NULL)
       AND (status <> 'published' OR audience <> ALL (%(audiences)s)
            OR valid_from > %(now)s OR valid_until <= %(now)s)
     UNION ALL
    SELECT id FROM knowledge_article WHERE team_id <> %(team)s::bigint
), many AS MATERIALIZED (
    SELECT CASE WHEN count(*) > %(exact_articles)s
                THEN set_config('hnsw.iterative_scan', 'relaxed_order', true) IS NOT NULL
                 AND set_config('hnsw.ef_search', %(in_view)s::text, true) IS NOT NULL
                 AND set_config('hnsw.max_scan_tuples', %(longest_walk)s::text, true) IS NOT NULL
                ELSE false END AS so
      FROM (SELECT FROM knowledge_article WHERE id NOT IN (SELECT id FROM hidden)
             LIMIT %(exact_articles)s + 1) AS first
), pool AS (
    (SELECT chunk.id, chunk.article_id, chunk.vector <#> (SELECT vector FROM asked) AS distance
       FROM knowledge_chunk chunk
      WHERE (SELECT so FROM many) AND chunk.article_id NOT IN (SELECT id FROM hidden)
      ORDER BY distance
      LIMIT %(pool)s)
    UNION
    -- A sum is no order that the index could give.
    (SELECT chunk.id, chunk.article_id, chunk.vector <#> (SELECT vector FROM asked) AS distance
       FROM knowledge_chunk chunk
      WHERE NOT (SELECT so FROM many) AND chunk.article_id NOT IN (SELECT id FROM hidden)
      ORDER BY (chunk.vector <#> (SELECT vector FROM asked)) + 0.0
      LIMIT %(pool)s)
    UNION
    SELECT chunk.id, chunk.article_id, chunk.vector <#> asked.vector
      FROM knowledge_chunk chunk JOIN knowledge_article article ON article.id = chunk.article_id, asked
     WHERE article.title_key = asked.key AND asked.key <> '' AND article.id NOT IN (SELECT id FROM hidden)
    UNION
    (SELECT chunk.id, chunk.article_id, chunk.vector <#> asked.vector AS distance
       FROM asked, (
            (SELECT id FROM knowledge_chunk
              WHERE cardinality(%(codes)s::text[]) > 0
                AND (text ILIKE ANY (%(codes)s) OR heading ILIKE ANY (%(codes)s)) LIMIT %(with_code)s)
            UNION
            (SELECT chunk.id FROM knowledge_article article
               JOIN knowledge_chunk chunk ON chunk.article_id = article.id AND chunk.position = 0
              WHERE cardinality(%(codes)s::text[]) > 0 AND article.title ILIKE ANY (%(codes)s)
              LIMIT %(with_code)s)
            ) AS coded JOIN knowledge_chunk chunk ON chunk.id = coded.id
      WHERE chunk.article_id NOT IN (SELECT id FROM hidden)
      ORDER BY distance
      LIMIT %(pool)s)
)
SELECT pool.id, pool.article_id, pool.distance, concat_ws(' ', article.title, chunk.heading, chunk.text)
  FROM pool
  JOIN knowledge_chunk chunk ON chunk.id = pool.id
  JOIN knowledge_article article ON article.id = pool.article_id
"""

SEARCH = """
WITH asked AS (
    SELECT %(vector)s::halfvec(512) AS vector, %(key)s::text AS key
), pool AS (
    SELECT *
      FROM unnest(%(ids)s::bigint[], %(article_ids)s::bigint[], %(distances)s::float8[], %(words)s::float8[])
        AS found (id, article_id, distance, words)
), told AS (
    SELECT article_id, max(words) AS words FROM pool GROUP BY article_id
), best AS (
    SELECT DISTINCT ON (article_id) id, article_id, -distance AS meaning
      FROM pool ORDER BY article_id, distance, id
), scored AS (
    SELECT best.article_id, best.meaning, article.language, opening.vector AS opening,
           CASE WHEN best.meaning + (opening.vector <#> asked.vector)
                     >= CASE WHEN chunk.heading = '' THEN %(part_lead)s ELSE %(section_lead)s END
                THEN best.id ELSE opening.id END AS id,
           told.words,
           article.title_key = asked.key AND asked.key <> '' AS exact
      FROM best
      JOIN told ON told.article_id = best.article_id
      JOIN knowledge_article article ON article.id = best.article_id
      JOIN knowledge_chunk chunk ON chunk.id = best.id
      JOIN knowledge_chunk opening ON opening.article_id = best.article_id AND opening.position = 0, asked
), summed AS (
    SELECT *, CASE WHEN exact THEN 1 ELSE least(meaning + words, 0.99) END AS score,
           rank() OVER (ORDER BY meaning DESC) AS meaning_rank,
           rank() OVER (ORDER BY words DESC) AS words_rank
      FROM scored
), leader AS (
    SELECT * FROM summed ORDER BY score DESC, (language = %(language)s) DESC, meaning DESC, id LIMIT 1
), settled AS (
    SELECT summed.*,
           CASE WHEN summed.meaning >= leader.meaning - %(twin_reach)s
                 AND NOT leader.exact AND leader.language <> %(language)s AND summed.language = %(language)s
                 AND 1 - (summed.opening <=> leader.opening) >= %(twin_cosine)s
                THEN leader.score - summed.score + 0.001 ELSE 0 END AS twin
      FROM summed, leader
), ranked AS (
    SELECT *, row_number() OVER (
             ORDER BY score + twin DESC, (language = %(language)s) DESC, score DESC, meaning DESC, id) AS rank
      FROM settled
), listed AS (
    SELECT * FROM ranked WHERE rank <= %(limit)s + 3
)
SELECT listed.id, listed.article_id, article.title, article.slug, article.source_url, article.language,
       chunk.heading, chunk.text, listed.score + listed.twin AS score,
       listed.meaning, listed.words, listed.twin, listed.exact,
       listed.meaning_rank, listed.words_rank, article.audience,
       EXISTS (SELECT FROM listed above
                WHERE above.rank < listed.rank AND above.language <> listed.language
                  AND 1 - (above.opening <=> listed.opening) >= %(twin_cosine)s) AS repeats
  FROM listed
  JOIN knowledge_article article ON article.id = listed.article_id
  JOIN knowledge_chunk chunk ON chunk.id = listed.id
 ORDER BY listed.rank
"""
