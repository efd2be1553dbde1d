import json

from dags.bucket_size import the_dag


def test_these_permissions_are_enough(cos, monkeypatch):
    cos.add_credential(
        secret_id="AKIDinventory",
        secret_key="of-the-tests",
        allow=[
            "cos:PostBucketInventory on examplebucket-1250000000",
            "cos:HeadBucket on inventorybucket-1250000000",
            "cos:PutObject on inventorybucket-1250000000/1250000000/*",
            "cos:GetObject on inventorybucket-1250000000/1250000000/*",
        ],
    )
    connection = {**cos.connection, "login": "AKIDinventory", "password": "of-the-tests"}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))
    assert the_dag.test().state == "success"
