export AIRFLOW_CONN_COS_DEFAULT='{"conn_type": "cos", "login": "AKIDexample", "password": "the-key-that-belongs-to-it", "extra": {"region": "ap-guangzhou"}}'
